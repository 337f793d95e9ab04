"""The functions of ``os`` that are about processes, which Python for WASI leaves out: for the guest's own processes.

``os.kill`` reaches those that the guest started and no other; the numbers are those of ``Popen.pid``, which mean nothing to
anybody else.
"""

import errno
import os

from ._child import Child, child, children
from ._errors import system_error
from ._resource import sweep
from ._wait import serve, wait

WNOHANG = 1


def kill(pid: int, signal: int, /) -> None:
    """Send a signal to a process of the guest. Zero sends none, and asks whether there is such a process.

    Raises ``ProcessLookupError`` for any other number.
    """
    sweep()
    process = child(pid)
    if signal != 0:
        process.send_signal(signal)


def waitpid(pid: int, options: int, /) -> tuple[int, int]:
    """Wait for a process of the guest, or with -1 for any of them. ``WNOHANG`` looks and does not wait.

    Answers its number and its status, for ``waitstatus_to_exitcode``; zeroes when none has ended. Raises
    ``ChildProcessError`` where there is no such process.
    """
    awaited = _awaited(pid)
    while True:
        serve()
        for process in awaited:
            try:
                code = process.poll()
            except ChildProcessError:
                process.forget()
                raise
            if code is not None:
                process.forget()
                return process.pid, _status(code)
        if options & WNOHANG:
            return 0, 0
        wait([pollable for process in awaited if (pollable := process.source()) is not None], None)


def _awaited(pid: int) -> list[Child]:
    try:
        awaited = children() if pid == -1 else [child(pid)]
    except ProcessLookupError:
        awaited = []
    if not awaited:
        raise system_error(errno.ECHILD)
    return awaited


def _status(code: int) -> int:
    return -code if code < 0 else code << 8


def waitstatus_to_exitcode(status: int) -> int:
    """The exit code of a status, or the negative number of the signal that ended the process."""
    return -(status & 0x7F) if status & 0x7F else status >> 8


def provide() -> None:
    """Add what ``os`` lacks."""
    for name, value in {
        "WNOHANG": WNOHANG,
        "kill": kill,
        "waitpid": waitpid,
        "waitstatus_to_exitcode": waitstatus_to_exitcode,
    }.items():
        if not hasattr(os, name):
            setattr(os, name, value)
