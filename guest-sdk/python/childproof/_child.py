"""The processes of this guest, from their start until their end was seen."""

import errno
from collections.abc import Callable
from typing import Literal

from componentize_py_types import Err
from wit_world.imports import childproof_process as process
from wit_world.imports import wasi_io_poll as io_poll

from . import _signals
from ._errors import os_error, system_error
from ._log import logged
from ._resource import hold, release

EndedBy = Literal["itself", "guest", "wall-time", "output", "cpu-time", "memory", "file-size"]
"""Who ended a process: itself, the guest by a signal, or the limit of the host that it ran into."""

_LIMITS: dict[process.Limit, EndedBy] = {
    process.Limit.WALL_TIME: "wall-time",
    process.Limit.OUTPUT: "output",
    process.Limit.CPU_TIME: "cpu-time",
    process.Limit.MEMORY: "memory",
    process.Limit.FILE_SIZE: "file-size",
}

_children: dict[int, "Child"] = {}
"""The processes whose end nobody has asked for yet. They are held here, so no collector drops one: that would kill it."""


class Child:
    """A process that was started. Its host's resources are dropped as soon as its end was observed."""

    def __init__(self, handle: process.Process) -> None:
        self.pid = handle.id()
        self.returncode: int | None = None
        self.ended_by: EndedBy | None = None
        self.usage: process.Usage | None = None
        self.at_the_end: list[Callable[[], None]] = []
        """What is called once, when the end was observed."""
        self._handle: process.Process | None = hold(handle)
        self._exit: io_poll.Pollable | None = hold(handle.subscribe())
        self._lost: Err[process.Error] | None = None
        _children[self.pid] = self

    def source(self) -> io_poll.Pollable | None:
        """What is ready once the process has ended; ``None`` when that was observed."""
        return self._exit

    def poll(self) -> int | None:
        """The return code, or ``None`` while the process lives. Never waits.

        Raises ``ChildProcessError``, each time, where nobody can say what it is.
        """
        if self._handle is not None:
            try:
                status = self._handle.try_wait()
            except Err as failure:
                self._lost = failure
                self._close()
            else:
                if status is not None:
                    self._ended(status)
        if self._lost is not None:
            raise os_error(self._lost) from self._lost
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, by its number in the module ``signal``.

        Raises ``ProcessLookupError`` once the process has ended.
        """
        name = _signals.to_host(number)
        if self._handle is None:
            raise system_error(errno.ESRCH)
        try:
            if isinstance(name, process.Signal_Kill):
                # No policy forbids this one, and it reaches the whole tree.
                self._handle.kill()
            else:
                self._handle.send_signal(name)
        except Err as failure:
            raise os_error(failure) from failure

    def _ended(self, status: process.ExitStatus) -> None:
        match status.termination:
            case process.Termination_Exited(code):
                self.returncode = code
            case process.Termination_Signaled(signal):
                self.returncode = -_signals.from_host(signal)
        match status.ended_by:
            case process.EndedBy_Itself():
                self.ended_by = "itself"
            case process.EndedBy_Guest():
                self.ended_by = "guest"
            case process.EndedBy_Limit(limit):
                self.ended_by = _LIMITS[limit]
        if self._handle is not None:
            self.usage = self._handle.usage()
        self._close()

    def _close(self) -> None:
        if self._exit is not None:
            release(self._exit)
            self._exit = None
        if self._handle is not None:
            release(self._handle)
            self._handle = None
        while self.at_the_end:
            callback = self.at_the_end.pop(0)
            with logged(f"what follows the end of process {self.pid}"):
                callback()

    def forget(self) -> None:
        """Let go of a process that has ended and whose end was told: nothing finds it by its number any more."""
        _children.pop(self.pid, None)


def child(pid: int) -> Child:
    """The process of this number. Raises ``ProcessLookupError`` for a number that is none, or no longer."""
    found = _children.get(pid)
    if found is None:
        raise system_error(errno.ESRCH)
    return found


def children() -> list[Child]:
    """All processes whose end nobody has asked for yet, the first started first."""
    return list(_children.values())
