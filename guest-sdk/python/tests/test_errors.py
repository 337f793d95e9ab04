"""What a caller is told of what cannot be."""

import errno
import os
import signal
import subprocess
import unittest
import unittest.mock
from typing import Any

import childproof
from childproof import _resource


class Refused(unittest.TestCase):
    def problem(self, *args: Any, **named: Any) -> childproof.Problem:
        with self.assertRaises(PermissionError) as caught:
            subprocess.run(*args, **named)
        self.assertEqual(caught.exception.errno, errno.EACCES)
        problem = childproof.problem_of(caught.exception)
        assert problem is not None
        self.assertIn(problem.field, str(caught.exception))
        return problem

    def test_an_argument_is_named(self) -> None:
        self.assertEqual(self.problem(["echo", "hello", "World"]).field, "args[1]")

    def test_a_variable_is_named(self) -> None:
        self.assertEqual(self.problem(["sh", "-c", ":"], env={"LD_PRELOAD": "x"}).field, "env LD_PRELOAD")

    def test_a_name_of_its_own_is_named(self) -> None:
        self.assertEqual(self.problem(["another", "1"], executable="sleep").field, "argv0")

    def test_a_signal_is_named(self) -> None:
        with subprocess.Popen(["single", "1000"]) as process:
            with self.assertRaises(PermissionError) as caught:
                process.send_signal(signal.SIGUSR1)
            problem = childproof.problem_of(caught.exception)
            self.assertEqual(problem and problem.field, "signal")
            # No policy forbids this.
            process.kill()


class Missing(unittest.TestCase):
    def test_a_grant(self) -> None:
        with self.assertRaises(FileNotFoundError) as caught:
            subprocess.run(["nothing-of-the-kind", "x"])
        self.assertEqual(caught.exception.filename, "nothing-of-the-kind")
        self.assertEqual(caught.exception.strerror, os.strerror(errno.ENOENT))
        self.assertIn("nothing-of-the-kind", "".join(caught.exception.__notes__))

    def test_a_path_is_no_grant(self) -> None:
        with self.assertRaises(FileNotFoundError):
            subprocess.run(["/usr/bin/sort"], stdin=subprocess.DEVNULL)

    def test_a_path_may_stand_for_one(self) -> None:
        subprocess.run(["/bin/sh", "-c", ":"], check=True)
        with unittest.mock.patch.dict(childproof.programs, {"/opt/tool": "sleep"}):
            subprocess.run(["/opt/tool", "0"], check=True)

    def test_a_directory(self) -> None:
        with self.assertRaises(FileNotFoundError) as caught:
            subprocess.run(["sh", "-c", ":"], cwd="/data/nowhere")
        self.assertEqual(caught.exception.filename, "/data/nowhere")

    def test_a_directory_that_the_guest_does_not_have(self) -> None:
        with self.assertRaises(FileNotFoundError) as caught:
            subprocess.run(["sh", "-c", ":"], cwd="/elsewhere")
        self.assertEqual(caught.exception.filename, "/elsewhere")

    def test_a_file_is_no_directory(self) -> None:
        with open("/data/file", "w"):
            pass
        with self.assertRaises(NotADirectoryError):
            subprocess.run(["sh", "-c", ":"], cwd="/data/file")

    def test_a_process(self) -> None:
        for number in (0, 1, os.getpid(), 1 << 40):
            with self.assertRaises(ProcessLookupError):
                os.kill(number, signal.SIGTERM)
        with self.assertRaises(ChildProcessError):
            os.waitpid(1 << 40, 0)


class Invalid(unittest.TestCase):
    def test_what_no_sandbox_gives(self) -> None:
        asked: dict[str, Any] = {
            "preexec_fn": lambda: None,
            "pass_fds": [5],
            "umask": 0o22,
            "process_group": 7,
            "user": 1000,
            "group": 1000,
            "extra_groups": [1000],
        }
        for name, value in asked.items():
            with self.subTest(name), self.assertRaisesRegex(ValueError, name):
                subprocess.run(["sh", "-c", ":"], **{name: value})

    def test_what_changes_nothing_is_taken(self) -> None:
        subprocess.run(["sh", "-c", ":"], close_fds=False, start_new_session=True, process_group=0, pipesize=4096, check=True)

    def test_text_that_no_process_can_be_given(self) -> None:
        words: list[list[Any]] = [["sh", "a\0b"], ["s\0h"], ["sh", b"\xff"], ["sh", "\udc80"]]
        for args in words:
            with self.subTest(args), self.assertRaises(ValueError):
                subprocess.run(args)
        variables: list[dict[str, Any]] = [{"MY_A=B": "x"}, {"MY_\0": "x"}, {"MY_A": "\0"}, {"MY_A": b"\xff"}]
        for env in variables:
            with self.subTest(env), self.assertRaises(ValueError):
                subprocess.run(["sh", "-c", ":"], env=env)

    def test_a_number_that_is_no_signal(self) -> None:
        with subprocess.Popen(["sleep", "1000"]) as process:
            with self.assertRaises(ValueError):
                process.send_signal(999)
            process.kill()

    def test_an_encoding_that_there_is_not(self) -> None:
        for _ in range(2):
            # The quota of this grant is one.
            with self.assertRaises(LookupError):
                subprocess.Popen(["single", "1000"], stdout=subprocess.PIPE, encoding="no-such-encoding")

    def test_what_fails_holds_nothing(self) -> None:
        held = len(_resource._held)
        for _ in range(3):
            with self.assertRaises(LookupError):
                subprocess.Popen(
                    ["single", "1000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="no-such-encoding"
                )
        self.assertEqual(len(_resource._held), held)

    def test_no_program(self) -> None:
        with self.assertRaises(IndexError):
            subprocess.run([])

    def test_the_wrong_end_of_a_pipe(self) -> None:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            for streams in ({"stdin": process.stdin}, {"stdout": process.stdout}, {"stderr": process.stdout}):
                with self.assertRaises(OSError) as caught:
                    subprocess.run(["cat"], **streams)  # type: ignore[call-overload]
                self.assertEqual(caught.exception.errno, errno.EBADF)
            # They are as they were.
            self.assertEqual(process.communicate(b"x"), (b"x", None))


class Quotas(unittest.TestCase):
    def test_of_live_processes(self) -> None:
        with subprocess.Popen(["single", "1000"]) as process:
            with self.assertRaises(OSError) as caught:
                subprocess.run(["single", "0"])
            self.assertEqual(caught.exception.errno, errno.EDQUOT)
            self.assertIn("alive", str(caught.exception))
            process.kill()
        subprocess.run(["single", "0"], check=True)
