"""The tests of this package, as a guest. Without arguments it runs them all; with one, it ends in the way that this names."""

import asyncio
import sys
import unittest

import childproof

import test_errors
import test_files
import test_loop
import test_numbers
import test_processes
import test_programs
import test_resources

MODULES = [test_errors, test_files, test_loop, test_numbers, test_processes, test_programs, test_resources]


@childproof.main
def main() -> object:
    """Does what the argument says."""
    match sys.argv[1:]:
        case ["returns", "nothing"]:
            return None
        case ["returns", "one"]:
            return 1
        case ["returns", "text"]:
            return "this is what went wrong"
        case ["exits", code]:
            sys.exit(int(code))
        case ["raises"]:
            raise LookupError("this is what went wrong")
        case ["reads"]:
            return asyncio.run(test_loop.echo())
        case names:
            suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromModule(module) for module in MODULES)
            if names:
                suite = unittest.defaultTestLoader.loadTestsFromNames(names)
            return not unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite).wasSuccessful()
