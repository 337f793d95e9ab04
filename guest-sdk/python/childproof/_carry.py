"""Bytes between a process's pipe and a file of the guest that cannot be given to a process.

A file without a name, or one that is not at its end, is such a file; so is a number that the guest has no file for. The
guest carries the bytes itself, in the background of whatever it waits for.
"""

import os
from contextlib import suppress

from wit_world.imports import wasi_io_poll as io_poll

from . import _wait
from ._log import logger
from ._pipe import READ_LEN, ReadEnd, WriteEnd

_LAST_STEPS = 64
"""How often what is left is carried once the process has ended; by then all is moved that a pipe can hold."""

_in_use: dict[int, int] = {}
"""The numbers that bytes are carried from or to, with how many do."""
_closed: set[int] = set()
"""Those that the guest has closed meanwhile."""


def close_later(number: int) -> bool:
    """Have a number closed once nothing is carried from or to it any more; ``False`` if nothing is.

    A process would have a copy of its own, so the guest may close it at once; and its number must not become another file's.
    """
    if number not in _in_use:
        return False
    _closed.add(number)
    return True


class _Carrier[E: ReadEnd | WriteEnd]:
    """The end of a pipe, and the file of this number."""

    def __init__(self, end: E, number: int) -> None:
        self._end = end
        self._number = number
        self._identity = self._who()
        _in_use[number] = _in_use.get(number, 0) + 1
        _wait.add(self)

    def source(self) -> io_poll.Pollable | None:
        """What is ready when there is something to carry; ``None`` when all was."""
        return self._end.source()

    def step(self) -> bool:
        """Carry what there is, without waiting for more. Whether there was something."""
        if self._end.closed:
            return False
        try:
            if self._who() != self._identity:
                raise OSError("the guest has closed the file meanwhile")
            return self._carry()
        except OSError as error:
            self.close()
            logger.warning("the file %d of a process: %s", self._number, error)
            return False

    def close(self) -> None:
        """Carry no more."""
        if self._end.closed:
            return
        self._end.close()
        _in_use[self._number] -= 1
        if not _in_use[self._number]:
            del _in_use[self._number]
            if self._number in _closed:
                _closed.remove(self._number)
                os.close(self._number)

    def finish(self) -> None:
        """The process has ended."""
        raise NotImplementedError

    def _who(self) -> tuple[int, int]:
        status = os.fstat(self._number)
        return status.st_dev, status.st_ino

    def _carry(self) -> bool:
        raise NotImplementedError


class FromProcess(_Carrier[ReadEnd]):
    """What a process writes goes to a file."""

    def finish(self) -> None:
        for _ in range(_LAST_STEPS):
            if not self.step():
                break
        self.close()

    def _carry(self) -> bool:
        data = self._end.try_read(READ_LEN)
        if data is None:
            return False
        if not data:
            self.close()
            return False
        view = memoryview(data)
        while view:
            view = view[os.write(self._number, view) :]
        return True


class ToProcess(_Carrier[WriteEnd]):
    """What a file holds goes to a process."""

    _unsent = memoryview(b"")

    def finish(self) -> None:
        if not self._end.closed:
            self._give_back()
        self.close()

    def _give_back(self) -> None:
        """Leave what was not sent to who reads the file next."""
        # Not every file can.
        with suppress(OSError):
            if self._who() == self._identity:
                os.lseek(self._number, -len(self._unsent), os.SEEK_CUR)

    def _carry(self) -> bool:
        if not self._unsent:
            self._unsent = memoryview(os.read(self._number, READ_LEN))
            if not self._unsent:
                self.close()
                return False
        try:
            count = self._end.try_write(self._unsent)
        except BrokenPipeError:
            # The process reads no more, which is its own business.
            self._give_back()
            self.close()
            return False
        self._unsent = self._unsent[count:]
        return count > 0
