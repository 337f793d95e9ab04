"""Programs that are named by a path."""

import os
import subprocess
import unittest

import childproof


class Programs(unittest.TestCase):
    def setUp(self) -> None:
        childproof.programs["/opt/tools/print"] = "echo"
        self.addCleanup(childproof.programs.pop, "/opt/tools/print")

    def test_a_path_stands_for_a_grant(self) -> None:
        self.assertEqual(subprocess.check_output(["/opt/tools/print", "hello", "you"]), b"hello you\n")

    def test_a_path_is_relative_to_where_the_process_is(self) -> None:
        os.makedirs("/data/tools", exist_ok=True)
        childproof.programs["/data/tools/shell"] = "sh"
        self.addCleanup(childproof.programs.pop, "/data/tools/shell")
        pwd = subprocess.check_output(["./shell", "-c", "pwd"], cwd="/data/tools")
        self.assertEqual(pwd, b"/data/tools\n")
        with self.assertRaises(FileNotFoundError):
            subprocess.run(["./shell", "-c", "pwd"], cwd="/data")

    def test_the_shell_is_one_of_them(self) -> None:
        self.assertEqual(subprocess.check_output(["/bin/sh", "-c", "echo $0"]), b"sh\n")

    def test_the_policy_decides_all_the_same(self) -> None:
        with self.assertRaises(PermissionError):
            subprocess.run(["/opt/tools/print", "bye"])

    def test_a_path_that_stands_for_none_is_no_program(self) -> None:
        with self.assertRaises(FileNotFoundError):
            subprocess.run(["/opt/tools/echo", "hello", "you"])
