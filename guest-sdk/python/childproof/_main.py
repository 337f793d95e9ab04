"""The entry point of a program."""

import asyncio
import inspect
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from componentize_py_types import Err


def main[F: Callable[[], Any]](function: F) -> F:
    """Make a function the program: what the host runs, as ``wasi:cli/run``.

    It takes no arguments; those of the program are in ``sys.argv``. A coroutine function is run by ``asyncio.run``. The
    program succeeds unless the function answers something that is neither ``None`` nor zero, raises, or calls ``sys.exit``
    with what is no success. WASI 0.2 has one code for what is none: the host sees 1.
    """

    class Run:
        def run(self) -> None:
            if not _succeeds(function):
                raise Err(None)

    # componentize-py looks for the export in the app's module, by this name.
    vars(sys.modules[function.__module__])["Run"] = Run
    return function


def _succeeds(function: Callable[[], Any]) -> bool:
    try:
        if inspect.iscoroutinefunction(function):
            code = asyncio.run(function())
        else:
            code = function()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if code is not None and not isinstance(code, int):
        # What sys.exit does with what is no number.
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return not code
