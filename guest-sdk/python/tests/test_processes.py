"""How processes start, and how they end."""

import asyncio
import os
import signal
import subprocess
import tempfile
import unittest

import childproof


class Ends(unittest.TestCase):
    def ended_by(self, *args: str) -> str | None:
        with subprocess.Popen([*args]) as process:
            process.wait()
        assert isinstance(process, childproof.Popen)
        return process.ended_by

    def test_it_is_told_who_ended_a_process(self) -> None:
        self.assertEqual(self.ended_by("sh", "-c", "exit 3"), "itself")
        self.assertEqual(self.ended_by("sh", "-c", "kill -TERM $$"), "itself")
        self.assertEqual(self.ended_by("brief", "1000"), "wall-time")
        with subprocess.Popen(["sleep", "1000"]) as process:
            process.terminate()
            self.assertEqual(process.wait(), -signal.SIGTERM)
        assert isinstance(process, childproof.Popen)
        self.assertEqual(process.ended_by, "guest")

    def test_a_limit_of_output_ends_what_is_read(self) -> None:
        with subprocess.Popen(["limited", "-c", "while :; do echo line; done"], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            self.assertEqual(len(process.stdout.read()), 100_000)
        assert isinstance(process, childproof.Popen)
        self.assertEqual(process.ended_by, "output")
        # It had ended before anybody read, and its end was seen.
        with subprocess.Popen(["limited", "-c", "head -c 100001 /dev/zero"], stdout=subprocess.PIPE, pipesize=1 << 20) as process:
            process.wait()
            assert process.stdout is not None
            self.assertEqual(len(process.stdout.read()), 100_000)

    def test_all_codes(self) -> None:
        for code in (0, 1, 126, 127, 128, 137, 255):
            self.assertEqual(subprocess.run(["sh", "-c", f"exit {code}"]).returncode, code)

    def test_what_a_process_used(self) -> None:
        process = subprocess.Popen(["sh", "-c", "i=0; while [ $i -lt 10000 ]; do i=$((i+1)); done"])
        assert isinstance(process, childproof.Popen)
        self.assertIsNone(process.usage)
        process.wait()
        assert process.usage is not None
        self.assertGreater(process.usage.user_time + process.usage.system_time, 0)

    def test_signals_go_by_name(self) -> None:
        script = "trap 'echo got it; exit 7' INT; echo ready; while :; do sleep 0.01; done"
        with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), "ready\n")
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.stdout.read(), "got it\n")
            self.assertEqual(process.wait(), 7)

    def test_a_process_that_has_ended_is_no_error(self) -> None:
        process = subprocess.Popen(["sh", "-c", ":"])
        process.wait()
        process.terminate()
        process.kill()
        process.send_signal(signal.SIGINT)


class Os(unittest.TestCase):
    def test_a_process_is_killed_and_collected_by_its_number(self) -> None:
        process = subprocess.Popen(["sleep", "1000"])
        os.kill(process.pid, 0)
        self.assertEqual(os.waitpid(process.pid, os.WNOHANG), (0, 0))
        os.kill(process.pid, signal.SIGKILL)
        number, status = os.waitpid(process.pid, 0)
        self.assertEqual((number, os.waitstatus_to_exitcode(status)), (process.pid, -signal.SIGKILL))
        with self.assertRaises(ProcessLookupError):
            os.kill(process.pid, 0)
        # The object sees what it would have seen.
        self.assertEqual(process.wait(), -signal.SIGKILL)

    def test_any_process_is_collected(self) -> None:
        process = subprocess.Popen(["sh", "-c", "exit 5"])
        number, status = os.waitpid(-1, 0)
        self.assertEqual((number, os.waitstatus_to_exitcode(status)), (process.pid, 5))


class Surroundings(unittest.TestCase):
    def shell(self, script: str, **named: object) -> str:
        return subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=True, **named).stdout  # type: ignore

    def test_the_environment_is_that_of_the_policy_and_what_the_guest_set(self) -> None:
        self.assertEqual(os.environ["GIVEN"], "to the guest")
        os.environ["MY_OWN"] = "by the guest"
        try:
            self.assertEqual(self.shell("echo $FIXED, $MY_OWN, $GIVEN"), "by the policy, by the guest,\n")
        finally:
            del os.environ["MY_OWN"]
        self.assertEqual(self.shell("echo $FIXED, $MY_OWN", env={"MY_OWN": "x"}), "by the policy, x\n")
        self.assertEqual(self.shell("echo $FIXED, $MY_OWN", env={}), "by the policy,\n")

    def test_the_directory_is_that_of_the_guest_once_it_has_one(self) -> None:
        os.makedirs("/data/below/that", exist_ok=True)
        self.assertEqual(self.shell("pwd", cwd="/data/below"), "/data/below\n")
        self.assertEqual(self.shell("pwd", cwd=b"/data/below"), "/data/below\n")
        # The guest begins in a directory that it does not have, and cannot go back to it.
        os.chdir("/data/below")
        try:
            self.assertEqual(self.shell("pwd"), "/data/below\n")
            self.assertEqual(self.shell("pwd", cwd="that"), "/data/below/that\n")
        finally:
            os.chdir("/data")

    def test_a_shell(self) -> None:
        self.assertEqual(subprocess.getoutput("echo $((40 + 2))"), "42")
        self.assertEqual(subprocess.getstatusoutput("exit 4"), (4, ""))


class Communicate(unittest.TestCase):
    def test_64_mib_each_way(self) -> None:
        data = bytes(range(256)) * (64 << 12)
        self.assertEqual(len(data), 64 << 20)
        answer = subprocess.run(["cat"], input=data, stdout=subprocess.PIPE, check=True).stdout
        self.assertTrue(answer == data)

    def test_a_write_without_a_buffer_is_of_all(self) -> None:
        for text in (False, True):
            data: object = "x" * 1_000_000 if text else b"x" * 1_000_000
            counted = subprocess.run(["sh", "-c", "wc -c"], input=data, stdout=subprocess.PIPE, bufsize=0, text=text)  # type: ignore
            self.assertEqual(int(counted.stdout), 1_000_000)

    def test_it_goes_on_after_a_timeout(self) -> None:
        with subprocess.Popen(
            ["sh", "-c", "echo first; read line; echo $line; cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        ) as process:
            assert process.stdin is not None
            with self.assertRaises(subprocess.TimeoutExpired):
                process.wait(timeout=0.001)
            process.stdin.write(b"second\n")
            output, _ = process.communicate(b"third\n")
        self.assertEqual(output, b"first\nsecond\nthird\n")

    def test_what_a_buffer_has_read_ahead_is_not_lost(self) -> None:
        with subprocess.Popen(
            ["sh", "-c", "printf 'one\\ntwo\\n'; cat; echo err >&2"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), b"one\n")
            self.assertEqual(process.communicate(b"three\n"), (b"two\nthree\n", b"err\n"))

    def test_a_process_that_does_not_read_is_no_error(self) -> None:
        result = subprocess.run(["sh", "-c", "exit 3"], input=b"x" * (4 << 20), stdout=subprocess.PIPE)
        self.assertEqual((result.returncode, result.stdout), (3, b""))

    def test_a_write_to_it_is_one(self) -> None:
        with subprocess.Popen(["sh", "-c", ":"], stdin=subprocess.PIPE, bufsize=0) as process:
            process.wait()
            assert process.stdin is not None
            with self.assertRaises(BrokenPipeError):
                process.stdin.write(b"x")


class Pipelines(unittest.TestCase):
    def test_the_stream_of_a_process_is_given_to_another(self) -> None:
        for by_number in (False, True):
            first = subprocess.Popen(["sh", "-c", "printf 'b\\na\\n'"], stdout=subprocess.PIPE)
            assert first.stdout is not None
            stream = first.stdout.fileno() if by_number else first.stdout
            second = subprocess.Popen(["sort"], stdin=stream, stdout=subprocess.PIPE)
            first.stdout.close()
            self.assertEqual(second.communicate()[0], b"a\nb\n")
            self.assertEqual((first.wait(), second.returncode), (0, 0))

    def test_the_input_of_a_process_is_given_to_another(self) -> None:
        last = subprocess.Popen(["sort"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert last.stdin is not None
        last.stdin.write(b"c\n")
        subprocess.run(["sh", "-c", "printf 'b\\na\\n'"], stdout=last.stdin, check=True)
        self.assertEqual(last.communicate()[0], b"a\nb\nc\n")

    def test_it_is_given_away_while_it_is_full(self) -> None:
        data = b"x" * (4 << 20)
        with tempfile.TemporaryFile(dir="/data") as copy:
            last = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=copy, bufsize=0)
            assert last.stdin is not None
            last.stdin.write(data)
            subprocess.run(["sh", "-c", "printf end"], stdout=last.stdin, check=True)
            self.assertEqual(last.wait(), 0)
            copy.seek(0)
            self.assertTrue(copy.read() == data + b"end")

    def test_both_outputs_go_to_the_input_of_another(self) -> None:
        last = subprocess.Popen(["sort"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        subprocess.run(["sh", "-c", "echo out; echo err >&2"], stdout=last.stdin, stderr=last.stdin, check=True)
        assert last.stdin is not None
        last.stdin.close()
        self.assertEqual(last.communicate()[0], b"err\nout\n")

    def test_a_stream_that_was_given_away_is_at_its_end(self) -> None:
        first = subprocess.Popen(["sh", "-c", "echo data"], stdout=subprocess.PIPE)
        second = subprocess.Popen(["cat"], stdin=first.stdout, stdout=subprocess.PIPE)
        self.assertEqual(first.communicate(), (b"", None))
        self.assertEqual(second.communicate(), (b"data\n", None))

    def test_both_outputs_stay_in_order(self) -> None:
        script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done"
        result = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(result.stdout, b"".join(b"out %d\nerr %d\n" % (i, i) for i in (1, 2, 3)))


class Types(unittest.TestCase):
    def test_the_class_of_the_standard_library_is_this_one(self) -> None:
        self.assertIs(subprocess.Popen, childproof.Popen)
        self.assertIs(asyncio.EventLoop, childproof.EventLoop)
        childproof.install()
        self.assertIs(subprocess.Popen, childproof.Popen)
