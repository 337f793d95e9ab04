"""Which tests there are, and what becomes of each."""

import json
import traceback
import unittest
from collections.abc import Iterable, Iterator
from types import ModuleType, TracebackType
from typing import Any, TextIO

type Error = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


def list_tests(modules: Iterable[ModuleType], events: TextIO) -> None:
    """Write the name of each test, and that of the function it is: a class that inherits it runs it again."""
    for module in modules:
        for test in _tests(unittest.defaultTestLoader.loadTestsFromModule(module)):
            function = getattr(test, test.id().rpartition(".")[2])
            _write(events, {"event": "listed", "test": test.id(), "function": function.__qualname__})


def run_tests(names: Iterable[str], events: TextIO) -> None:
    """Run the tests of these names, one after the other."""
    unittest.defaultTestLoader.loadTestsFromNames(list(names)).run(Recorder(events))


class Recorder(unittest.TestResult):
    """Writes down that a test began, and how it ended."""

    def __init__(self, events: TextIO) -> None:
        super().__init__()
        self._events = events
        self._outcome = ("passes", "")

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        _write(self._events, {"event": "began", "test": test.id()})
        self._outcome = ("passes", "")

    def stopTest(self, test: unittest.TestCase) -> None:
        outcome, detail = self._outcome
        ended = {"event": "ended", "test": test.id(), "outcome": outcome, "detail": detail}
        _write(self._events, ended)
        super().stopTest(test)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        if self._outcome[0] == "passes":
            self._outcome = ("skipped", reason)

    def addFailure(self, test: unittest.TestCase, err: Error) -> None:
        self._failed(test, err)

    def addError(self, test: unittest.TestCase, err: Error) -> None:
        self._failed(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Error | None) -> None:
        if err is not None:
            self._failed(test, err)

    def addExpectedFailure(self, test: unittest.TestCase, err: Error) -> None:
        self._failed(test, err)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self._outcome = ("fails", "it was expected to fail")

    def _failed(self, test: unittest.TestCase, err: Error) -> None:
        # Before the text is made, because that may fail, too.
        self._outcome = ("fails", "")
        detail = "".join(traceback.format_exception(err[1]))
        if isinstance(test, unittest.TestCase):
            self._outcome = ("fails", detail)
        else:
            # What prepares a class or a module is no test, and has no end.
            _write(self._events, {"event": "trouble", "detail": f"{test}\n{detail}"})


def _tests(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _tests(item)
        else:
            yield item


def _write(events: TextIO, event: dict[str, Any]) -> None:
    # The file is buffered by lines: what follows may end this guest.
    events.write(json.dumps(event) + "\n")
