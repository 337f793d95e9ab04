"""Files of the guest as the streams of a process."""

import errno
import os
import select
import subprocess
import tempfile
import unittest
import unittest._log  # assertLogs imports it, which a component can no longer do

HELLO = ["sh", "-c", "echo out; echo err >&2"]


class Given(unittest.TestCase):
    """Files that have a name and are at their end are handed to the process."""

    def test_processes_write_one_after_the_other(self) -> None:
        with open("/data/log", "w") as log:
            for word in ("one", "two"):
                subprocess.run(["sh", "-c", f"echo {word}"], stdout=log)
            log.write("three\n")
            log.flush()
            subprocess.run(["sh", "-c", "echo four"], stdout=log)
        with open("/data/log") as log:
            self.assertEqual(log.read(), "one\ntwo\nthree\nfour\n")

    def test_processes_write_at_the_same_time(self) -> None:
        with open("/data/log", "w") as log:
            processes = [
                subprocess.Popen(["sh", "-c", "read go; echo line; echo line"], stdin=subprocess.PIPE, stdout=log)
                for _ in range(8)
            ]
            for process in processes:
                process.communicate(b"go\n")
            log.write("end\n")
        with open("/data/log") as log:
            self.assertEqual(log.read(), "line\n" * 16 + "end\n")

    def test_the_guest_is_where_it_went_since(self) -> None:
        with open("/data/log", "w+") as log:
            process = subprocess.Popen(["sh", "-c", "echo out; echo err >&2"], stdout=log, stderr=subprocess.PIPE)
            assert process.stderr is not None
            self.assertEqual(process.stderr.read(), b"err\n")
            process.stderr.close()
            log.seek(0)
            self.assertEqual(process.wait(), 0)
            self.assertEqual(log.read(), "out\n")

    def test_what_the_guest_writes_next_is_at_the_end(self) -> None:
        with open("/data/log", "w") as log:
            process = subprocess.Popen(["sh", "-c", "read go; echo process"], stdin=subprocess.PIPE, stdout=log)
            log.write("guest\n")
            log.flush()
            process.communicate(b"go\n")
            log.write("guest\n")
        with open("/data/log") as log:
            self.assertEqual(log.read(), "guest\nprocess\nguest\n")

    def test_a_number_that_is_closed_meanwhile(self) -> None:
        with open("/data/log", "w") as log, open("/data/errors", "w") as errors:
            process = subprocess.Popen(
                ["sh", "-c", "read go; echo err >&2; exit 3"], stdin=subprocess.PIPE, stdout=log, stderr=errors
            )
            os.close(log.fileno())
            process.communicate(b"go\n")
            self.assertEqual(process.returncode, 3)
            errors.write("next\n")
            with self.assertRaises(OSError):
                log.close()
        with open("/data/errors") as errors:
            self.assertEqual(errors.read(), "err\nnext\n")

    def test_a_file_that_is_closed_meanwhile(self) -> None:
        with open("/data/log", "wb") as log:
            process = subprocess.Popen(["sh", "-c", "read go; echo late"], stdin=subprocess.PIPE, stdout=log)
        process.communicate(b"go\n")
        with open("/data/log") as written:
            self.assertEqual(written.read(), "late\n")

    def test_both_outputs_go_to_one_file_in_order(self) -> None:
        for append in ("w", "a"):
            with open("/data/log", "w") as empty:
                empty.write("before\n")
            with open("/data/log", append) as log:
                subprocess.run(HELLO, stdout=log, stderr=log)
                subprocess.run(HELLO, stdout=log, stderr=subprocess.STDOUT)
            before = "before\n" if append == "a" else ""
            with open("/data/log") as log:
                self.assertEqual(log.read(), before + "out\nerr\n" * 2)

    def test_a_file_is_read_from_where_the_guest_is(self) -> None:
        with open("/data/input", "wb") as written:
            written.write(b"0123456789")
        with open("/data/input", "rb", buffering=0) as file:
            file.seek(4)
            self.assertEqual(subprocess.run(["cat"], stdin=file, stdout=subprocess.PIPE).stdout, b"456789")


    def test_the_file_is_another_by_the_end(self) -> None:
        with open("/data/log", "w") as log:
            process = subprocess.Popen(["sh", "-c", "read go; echo line"], stdin=subprocess.PIPE, stdout=log)
        with open("/data/log") as reader:
            process.communicate(b"go\n")
            self.assertEqual(reader.read(), "line\n")

    def test_one_at_its_beginning_is_not_appended_to(self) -> None:
        with open("/data/log", "w") as log, open("/data/log", "r+") as other:
            first = subprocess.Popen(["sh", "-c", "echo first; read go"], stdin=subprocess.PIPE, stdout=log)
            while not os.stat("/data/log").st_size:
                select.select([], [], [], 0.001)
            subprocess.run(["sh", "-c", "printf X"], stdout=other, check=True)
            first.communicate(b"go\n")
        with open("/data/log") as reader:
            self.assertEqual(reader.read(), "Xirst\n")

    def test_a_process_gets_no_more_of_a_file_than_the_guest_has_opened(self) -> None:
        with open("/data/kept", "w") as kept:
            kept.write("kept")
        with open("/data/kept") as reader, self.assertRaises(OSError) as caught:
            subprocess.run(["sh", "-c", "echo changed"], stdout=reader)
        self.assertEqual(caught.exception.errno, errno.EBADF)
        with open("/data/kept", "a") as writer, self.assertRaises(OSError) as caught:
            subprocess.run(["cat"], stdin=writer, stdout=subprocess.PIPE)
        self.assertEqual(caught.exception.errno, errno.EBADF)
        with open("/data/kept") as reader:
            self.assertEqual(reader.read(), "kept")


class Carried(unittest.TestCase):
    """The bytes of other files are carried by the guest."""

    def test_a_file_without_a_name(self) -> None:
        data = os.urandom(3 << 20)
        with tempfile.TemporaryFile(dir="/data") as source, tempfile.TemporaryFile(dir="/data") as copy:
            source.write(data)
            source.seek(0)
            subprocess.run(["cat"], stdin=source, stdout=copy, check=True)
            copy.seek(0)
            self.assertTrue(copy.read() == data)

    def test_it_is_carried_while_the_guest_reads(self) -> None:
        data = os.urandom(3 << 20)
        with tempfile.TemporaryFile(dir="/data") as source:
            source.write(data)
            source.seek(0)
            with subprocess.Popen(["cat"], stdin=source, stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                self.assertTrue(process.stdout.read() == data)
            source.seek(0)
            with subprocess.Popen(["cat"], stdin=source, stdout=subprocess.PIPE) as process:
                self.assertTrue(process.communicate()[0] == data)

    def test_it_is_carried_while_the_guest_writes(self) -> None:
        data = os.urandom(3 << 20)
        with tempfile.TemporaryFile(dir="/data") as copy:
            with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=copy) as process:
                assert process.stdin is not None
                process.stdin.write(data)
            copy.seek(0)
            self.assertTrue(copy.read() == data)

    def test_a_process_that_never_stops_writing_can_be_timed_out(self) -> None:
        with tempfile.TemporaryFile(dir="/data") as copy:
            with subprocess.Popen(["sh", "-c", "while :; do echo line; done"], stdout=copy) as process:
                with self.assertRaises(subprocess.TimeoutExpired):
                    process.wait(timeout=0.2)
                process.kill()
            copy.seek(0)
            self.assertEqual(copy.readline(), b"line\n")

    def test_in_the_middle_of_a_file(self) -> None:
        with open("/data/middle", "wb") as written:
            written.write(b"0123456789")
        with open("/data/middle", "r+b", buffering=0) as file:
            file.seek(2)
            subprocess.run(["sh", "-c", "printf ab"], stdout=file)
            subprocess.run(["sh", "-c", "printf cd"], stdout=file)
            self.assertEqual(file.tell(), 6)
        with open("/data/middle", "rb") as file:
            self.assertEqual(file.read(), b"01abcd6789")

    def test_a_number(self) -> None:
        number = os.open("/data/number", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            subprocess.run(HELLO, stdout=number, stderr=number)
            os.lseek(number, 0, os.SEEK_SET)
            self.assertEqual(subprocess.run(["sort"], stdin=number, stdout=subprocess.PIPE).stdout, b"err\nout\n")
        finally:
            os.close(number)

    def test_a_number_that_is_none(self) -> None:
        for stream in ("stdin", "stdout", "stderr"):
            with self.subTest(stream), self.assertRaises(OSError) as caught:
                subprocess.Popen(["sh", "-c", "echo ran >/data/ran"], **{stream: 77})  # type: ignore[call-overload]
            self.assertEqual(caught.exception.errno, errno.EBADF)
        self.assertFalse(os.path.exists("/data/ran"))

    def test_what_a_process_did_not_take_is_left_to_the_next(self) -> None:
        size = 3 << 20
        with tempfile.TemporaryFile(dir="/data") as source:
            source.truncate(size)
            source.seek(0)
            first = subprocess.run(["sh", "-c", "exec 0<&-; exit 5"], stdin=source)
            self.assertEqual(first.returncode, 5)
            second = subprocess.run(["cat"], stdin=source, stdout=subprocess.PIPE)
            # What a pipe holds is gone with the process, and no more.
            self.assertGreaterEqual(len(second.stdout), size - (128 << 10))

    def test_a_number_that_the_guest_closes_at_once(self) -> None:
        number = os.open("/data/number", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        process = subprocess.Popen(["sh", "-c", "read go; echo late"], stdin=subprocess.PIPE, stdout=number)
        os.close(number)
        with open("/data/another", "w+") as other:
            self.assertNotEqual(other.fileno(), number)
            process.communicate(b"go\n")
            other.seek(0)
            self.assertEqual(other.read(), "")
        with open("/data/number") as written:
            self.assertEqual(written.read(), "late\n")
        with self.assertRaises(OSError):
            os.fstat(number)

    def test_a_file_that_is_closed_is_not_taken_for_the_next(self) -> None:
        with open("/data/secret", "w") as secret:
            secret.write("secret")
        with tempfile.TemporaryFile(dir="/data") as source:
            number = source.fileno()
            process = subprocess.Popen(["cat"], stdin=source, stdout=subprocess.PIPE)
        with open("/data/secret") as secret, self.assertLogs("childproof", "WARNING"):
            self.assertEqual(secret.fileno(), number)
            self.assertEqual(process.communicate(), (b"", None))
            self.assertEqual(secret.read(), "secret")

    def test_whatever_the_guest_waits_for(self) -> None:
        with tempfile.TemporaryFile(dir="/data") as source:
            source.write(b"b\na\n")
            source.seek(0)
            first = subprocess.Popen(["cat"], stdin=source, stdout=subprocess.PIPE)
            assert first.stdout is not None
            second = subprocess.Popen(["sort"], stdin=first.stdout, stdout=subprocess.PIPE)
            first.stdout.close()
            self.assertEqual(second.communicate()[0], b"a\nb\n")
            source.seek(0)
            third = subprocess.Popen(["cat"], stdin=source, stdout=subprocess.DEVNULL)
            self.assertEqual(os.waitpid(third.pid, 0), (third.pid, 0))
        self.assertEqual((first.wait(), third.wait()), (0, 0))

    def test_a_name_that_is_another_file_by_now(self) -> None:
        with open("/data/old", "w+") as file:
            os.rename("/data/old", "/data/older")
            with open("/data/old", "w") as other:
                other.write("not this one\n")
            subprocess.run(["sh", "-c", "echo this one"], stdout=file)
            file.seek(0)
            self.assertEqual(file.read(), "this one\n")
        with open("/data/old") as other:
            self.assertEqual(other.read(), "not this one\n")
