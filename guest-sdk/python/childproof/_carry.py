"""Bytes between a process's pipe and a file of the guest that cannot be given to a process.

A file without a name, or one that is not at its end, is such a file; so is a number that the guest has no file for. The
guest carries the bytes itself, whenever it waits for the process.
"""

import os

from wit_world.imports import wasi_io_poll as io_poll

from ._pipe import READ_LEN, ReadEnd, WriteEnd

STEPS = 64
"""How often a carrier goes on before others have their turn; by then it has moved all that a pipe can hold."""


class FromProcess:
    """What a process writes goes to a file."""

    def __init__(self, end: ReadEnd, number: int) -> None:
        self._end = end
        self._number = number

    def source(self) -> io_poll.Pollable | None:
        """What is ready when there is something to carry; ``None`` when all was."""
        return self._end.source()

    def step(self) -> bool:
        """Carry what is there, without waiting for more. Whether there was something."""
        if self._end.closed:
            return False
        data = self._end.try_read(READ_LEN)
        if data is None:
            return False
        if not data:
            self._end.close()
            return False
        view = memoryview(data)
        while view:
            view = view[os.write(self._number, view) :]
        return True

    def finish(self) -> None:
        """Carry what is there, and no more: the process has ended."""
        for _ in range(STEPS):
            if not self.step():
                break
        self._end.close()


class ToProcess:
    """What a file holds goes to a process."""

    def __init__(self, end: WriteEnd, number: int) -> None:
        self._end = end
        self._number = number
        self._unsent = memoryview(b"")

    def source(self) -> io_poll.Pollable | None:
        """What is ready when more can be carried; ``None`` when all was."""
        return self._end.source()

    def step(self) -> bool:
        """Carry what the pipe takes, without waiting for room. Whether it took something."""
        if self._end.closed:
            return False
        if not self._unsent:
            self._unsent = memoryview(os.read(self._number, READ_LEN))
            if not self._unsent:
                self._end.close()
                return False
        try:
            count = self._end.try_write(self._unsent)
        except BrokenPipeError:
            self._end.close()
            return False
        self._unsent = self._unsent[count:]
        return count > 0

    def finish(self) -> None:
        """Carry no more: the process has ended."""
        self._end.close()


Carrier = FromProcess | ToProcess
