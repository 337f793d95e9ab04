"""Makes the standard library use this package."""

import asyncio
import subprocess
from asyncio import unix_events

from . import _os
from ._loop import EventLoop
from ._popen import Popen


def install() -> None:
    """Make ``subprocess`` and ``asyncio`` work. Importing the package does this; to call it again changes nothing."""
    _os.provide()
    subprocess._can_fork_exec = True
    subprocess.Popen = Popen
    unix_events._UnixDefaultEventLoopPolicy._loop_factory = EventLoop
    unix_events.SelectorEventLoop = unix_events.EventLoop = EventLoop
    asyncio.SelectorEventLoop = asyncio.EventLoop = EventLoop
