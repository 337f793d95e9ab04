"""The files of the guest that processes append to, and where the guest is in them.

A process that shared the guest's file would move the guest along with what it writes. One that has been handed the file has a
position of its own, so the guest is moved here: to the end of the file, whenever it hears of a process.
"""

import os
from contextlib import suppress
from typing import Any


class _Appended:
    """A file that processes append to."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.processes = 0
        self._position = os.lseek(raw.fileno(), 0, os.SEEK_CUR)

    def follow(self) -> None:
        """Go to its end, unless the guest went elsewhere."""
        # It may have been closed.
        with suppress(OSError, ValueError):
            if os.lseek(self.raw.fileno(), 0, os.SEEK_CUR) == self._position:
                self._position = _to_end(self.raw)


def _to_end(raw: Any) -> int:
    number = raw.fileno()
    # With SEEK_END the C library tells of the new position, and goes on to write at the old one.
    return os.lseek(number, os.fstat(number).st_size, os.SEEK_SET)


_appended: dict[Any, _Appended] = {}


def begin(raw: Any) -> None:
    """A process appends to this file from now on."""
    if raw not in _appended:
        _appended[raw] = _Appended(raw)
    _appended[raw].processes += 1


def end(raw: Any) -> None:
    """It does no longer."""
    appended = _appended[raw]
    appended.follow()
    appended.processes -= 1
    if appended.processes:
        return
    del _appended[raw]
    with suppress(OSError, ValueError):
        if not raw.readable():
            # What the guest has written itself meanwhile was not at the end; what it writes next is.
            _to_end(raw)


def is_appended_to(raw: Any) -> bool:
    """Whether a process appends to this file."""
    return raw in _appended


def follow() -> None:
    """The guest has heard of a process, which may have written before that."""
    for appended in _appended.values():
        appended.follow()
