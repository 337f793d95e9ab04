"""What the garbage collector finds: nothing is asked of the host there, and nothing is lost."""

import gc
import os
import subprocess
import unittest
import unittest._log  # assertLogs imports it, which a component can no longer do
import warnings
from subprocess import PIPE
from typing import IO

from childproof import _resource


class Forgotten(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(warnings.catch_warnings(action="ignore", category=ResourceWarning))

    def test_a_process_goes_on_without_its_object(self) -> None:
        def start() -> tuple[IO[bytes], IO[bytes]]:
            process = subprocess.Popen(["sh", "-c", "read go; echo done"], stdin=PIPE, stdout=PIPE)
            assert process.stdin is not None and process.stdout is not None
            return process.stdin, process.stdout

        stdin, stdout = start()
        gc.collect()
        subprocess.run(["sh", "-c", ":"], check=True)
        stdin.write(b"go\n")
        stdin.close()
        self.assertEqual(stdout.read(), b"done\n")
        stdout.close()

    def test_a_pipe_is_closed_and_what_was_written_to_it_arrives(self) -> None:
        with subprocess.Popen(["cat"], stdin=PIPE, stdout=PIPE) as process:
            assert process.stdin is not None and process.stdout is not None
            # It stays in the buffer of the file, which nobody closes.
            process.stdin.write(b"not flushed")
            process.stdin = None
            gc.collect()
            self.assertEqual(process.stdout.read(), b"not flushed")

    def test_all_of_it_arrives(self) -> None:
        with subprocess.Popen(["sh", "-c", "wc -c"], stdin=PIPE, stdout=PIPE, bufsize=1 << 20) as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(b"x" * 500_000)
            process.stdin = None
            gc.collect()
            self.assertEqual(int(process.stdout.read()), 500_000)

    def test_it_is_closed_by_whoever_waits(self) -> None:
        process = subprocess.Popen(["cat"], stdin=PIPE, stdout=subprocess.DEVNULL)
        process.stdin = None
        gc.collect()
        self.assertEqual(process.wait(), 0)

    def test_an_error_of_it_is_nobody_elses(self) -> None:
        def fails() -> None:
            raise LookupError("on purpose")

        class Forgotten:
            def __del__(self) -> None:
                _resource.abandon(fails)

        Forgotten()
        gc.collect()
        with self.assertLogs("childproof", "ERROR") as logs:
            subprocess.run(["sh", "-c", ":"], check=True)
        self.assertIn("on purpose", logs.output[0])

    def test_in_a_cycle(self) -> None:
        for _ in range(50):
            process = subprocess.Popen(["cat"], stdin=PIPE, stdout=PIPE, text=True)
            process.cycle = process  # type: ignore[attr-defined]
            assert process.stdin is not None
            process.stdin.write("x")
        del process
        gc.collect()
        # The pipes of all were closed, so all end.
        subprocess.run(["sh", "-c", ":"], check=True)
        while True:
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                break
        self.assertEqual(subprocess.run(["cat"], input=b"y", stdout=PIPE).stdout, b"y")
