"""The numbers of pipes, where Python takes the number of a file."""

import errno
import os
import select
import selectors
import subprocess
import unittest
from typing import IO, Any

PIPE = subprocess.PIPE
ECHO = ["sh", "-c", "while read line; do echo $line; done"]


class Os(unittest.TestCase):
    def test_bytes_go_by_numbers(self) -> None:
        with subprocess.Popen(ECHO, stdin=PIPE, stdout=PIPE) as process:
            assert process.stdin and process.stdout
            self.assertEqual(os.write(process.stdin.fileno(), b"one\n"), 4)
            self.assertEqual(os.read(process.stdout.fileno(), 100), b"one\n")

    def test_what_is_not_there_is_not_waited_for(self) -> None:
        with subprocess.Popen(ECHO, stdin=PIPE, stdout=PIPE, bufsize=0) as process:
            assert process.stdin and process.stdout
            number = process.stdout.fileno()
            self.assertTrue(os.get_blocking(number))
            os.set_blocking(number, False)
            self.assertFalse(os.get_blocking(number))
            with self.assertRaises(BlockingIOError):
                os.read(number, 100)
            self.assertIsNone(process.stdout.read(100))

    def test_a_pipe_that_is_full_is_not_waited_for(self) -> None:
        with subprocess.Popen(["sleep", "100"], stdin=PIPE) as process:
            assert process.stdin
            os.set_blocking(process.stdin.fileno(), False)
            with self.assertRaises(BlockingIOError):
                while True:
                    os.write(process.stdin.fileno(), b"x" * 65536)
            process.kill()

    def test_a_number_is_closed(self) -> None:
        with subprocess.Popen(ECHO, stdin=PIPE, stdout=PIPE) as process:
            assert process.stdin and process.stdout
            number = process.stdin.fileno()
            os.close(number)
            self.assertEqual(process.stdout.read(), b"")
            with self.assertRaises(OSError) as caught:
                os.write(number, b"more")
            self.assertEqual(caught.exception.errno, errno.EBADF)

    def test_the_wrong_end(self) -> None:
        with subprocess.Popen(ECHO, stdin=PIPE, stdout=PIPE) as process:
            assert process.stdin and process.stdout
            for call in (lambda: os.read(process.stdin.fileno(), 1), lambda: os.write(process.stdout.fileno(), b"x")):
                with self.assertRaises(OSError) as caught:
                    call()
                self.assertEqual(caught.exception.errno, errno.EBADF)

    def test_it_stays_as_it_was_set(self) -> None:
        with subprocess.Popen(["sleep", "1000"], stdout=PIPE) as process:
            assert process.stdout
            os.set_blocking(process.stdout.fileno(), False)
            with self.assertRaises(subprocess.TimeoutExpired):
                process.communicate(timeout=0.001)
            process.kill()
            self.assertFalse(os.get_blocking(process.stdout.fileno()))

    def test_files_are_what_they_were(self) -> None:
        number = os.open("/data/plain", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.write(number, b"text")
        os.lseek(number, 0, os.SEEK_SET)
        self.assertEqual(os.read(number, 100), b"text")
        os.close(number)
        with self.assertRaises(OSError):
            os.read(number, 1)


class Select(unittest.TestCase):
    def test_what_can_be_read_and_written(self) -> None:
        with subprocess.Popen(ECHO, stdin=PIPE, stdout=PIPE) as process:
            assert process.stdin and process.stdout
            ready = select.select([process.stdout], [process.stdin], [], 0)
            self.assertEqual(ready, ([], [process.stdin], []))
            self.assertEqual(select.select([process.stdout], [], [], 0.001), ([], [], []))
            process.stdin.write(b"line\n")
            process.stdin.flush()
            self.assertEqual(select.select([process.stdout.fileno()], [], [])[0], [process.stdout.fileno()])

    def test_whatever_has_the_number_of_a_pipe_is_one(self) -> None:
        class Wrapper:
            def __init__(self, file: IO[bytes]) -> None:
                self.fileno = file.fileno

        with subprocess.Popen(["sh", "-c", "echo line"], stdout=PIPE) as process:
            assert process.stdout
            wrapper: Any = Wrapper(process.stdout)
            self.assertEqual(select.select([wrapper], [], []), ([wrapper], [], []))
            self.assertEqual(subprocess.run(["cat"], stdin=wrapper, stdout=PIPE).stdout, b"line\n")

    def test_what_is_closed_cannot_be_waited_for(self) -> None:
        with subprocess.Popen(["sh", "-c", ":"], stdout=PIPE) as process:
            assert process.stdout
            process.stdout.close()
            with self.assertRaises(ValueError):
                select.select([process.stdout], [], [], 0)

    def test_the_end_of_a_pipe_can_be_read(self) -> None:
        with subprocess.Popen(["sh", "-c", ":"], stdout=PIPE) as process:
            assert process.stdout
            self.assertEqual(select.select([process.stdout], [], [])[0], [process.stdout])

    def test_selectors_wait_for_whatever_comes_first(self) -> None:
        command = ["sh", "-c", "echo out; read end; echo err >&2"]
        with (
            subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE) as process,
            selectors.DefaultSelector() as selector,
        ):
            assert process.stdin and process.stdout and process.stderr
            selector.register(process.stdout, selectors.EVENT_READ, "out")
            selector.register(process.stderr, selectors.EVENT_READ, "err")
            self.assertEqual([key.data for key, _ in selector.select()], ["out"])
            self.assertEqual(process.stdout.read(4), b"out\n")
            selector.unregister(process.stdout)
            process.stdin.close()
            self.assertEqual([key.data for key, _ in selector.select()], ["err"])

    def test_other_files_cannot_be_waited_for_as_well(self) -> None:
        with subprocess.Popen(["sh", "-c", ":"], stdout=PIPE) as process, open("/data/plain", "w") as file:
            assert process.stdout
            with self.assertRaises(ValueError):
                select.select([process.stdout.fileno(), file.fileno()], [], [], 0)


class Popen(unittest.TestCase):
    def test_encodings_are_there(self) -> None:
        for encoding in ("ascii", "cp1252", "latin-1", "utf-8-sig", "utf-16"):
            text = subprocess.run(["cat"], input="text", stdout=PIPE, encoding=encoding).stdout
            self.assertEqual(text, "text")

    def test_a_line_is_not_the_buffer_of_bytes(self) -> None:
        with self.assertWarns(RuntimeWarning):
            process = subprocess.Popen(["cat"], stdin=PIPE, stdout=PIPE, bufsize=1)
        with process:
            assert process.stdin and process.stdout
            process.stdin.write(b"kept\n")
            self.assertEqual(select.select([process.stdout], [], [], 0.001)[0], [])
            process.stdin.close()
            self.assertEqual(process.stdout.read(), b"kept\n")
