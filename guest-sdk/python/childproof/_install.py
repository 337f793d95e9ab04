"""Makes the standard library use this package."""

import asyncio
import subprocess
from asyncio import unix_events

from componentize_py_types import Err

from . import _late, _numbers, _os  # noqa: F401 (the first is there to be imported)
from ._loop import EventLoop
from ._popen import Popen


def install() -> None:
    """Make ``subprocess`` and ``asyncio`` work. Importing the package does this; to call it again changes nothing."""
    _os.provide()
    _numbers.provide()
    _set(subprocess, _can_fork_exec=True, Popen=Popen)
    # The policy is what asyncio.new_event_loop asks; the names are what a caller may make a loop with himself.
    _set(unix_events._UnixDefaultEventLoopPolicy, _loop_factory=EventLoop)
    # It is frozen, and an exception has to take a traceback: contextlib and unittest set it.
    _set(Err, __setattr__=Exception.__setattr__)
    for module in (asyncio, unix_events):
        _set(module, SelectorEventLoop=EventLoop, EventLoop=EventLoop)


def _set(owner: object, **values: object) -> None:
    for name, value in values.items():
        setattr(owner, name, value)
