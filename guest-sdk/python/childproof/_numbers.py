"""What Python does with the number of a file, for the pipes of processes.

``os.read``, ``os.write``, ``os.close``, ``os.get_blocking`` and ``os.set_blocking`` take the number of a pipe, ``select.select``
and ``selectors`` wait for pipes. Whatever is none goes to the functions that were there before.
"""

import errno
import os
import select as select_module
import selectors
from collections.abc import Buffer, Iterable
from typing import Any

from ._carry import close_later
from ._errors import system_error
from ._pipe import PipeReader, PipeWriter, numbered, pipe_of
from ._resource import sweep
from ._wait import wait

_read, _write, _close = os.read, os.write, os.close
_get_blocking, _set_blocking = os.get_blocking, os.set_blocking
_select = select_module.select


def read(fd: int, length: int, /) -> bytes:
    """As ``os.read``."""
    pipe = numbered(fd)
    if pipe is None:
        return _read(fd, length)
    if not isinstance(pipe, PipeReader):
        raise system_error(errno.EBADF)
    data: bytes | None = pipe.read(length)
    return _unless_it_would_wait(data)


def write(fd: int, data: Buffer, /) -> int:
    """As ``os.write``."""
    pipe = numbered(fd)
    if pipe is None:
        return _write(fd, data)
    if not isinstance(pipe, PipeWriter):
        raise system_error(errno.EBADF)
    return _unless_it_would_wait(pipe.write(data))


def _unless_it_would_wait[T](answer: T | None) -> T:
    if answer is None:
        raise system_error(errno.EAGAIN)
    return answer


def close(fd: int) -> None:
    """As ``os.close``."""
    pipe = numbered(fd)
    if pipe is None:
        if not close_later(fd):
            _close(fd)
    else:
        pipe.close()


def get_blocking(fd: int, /) -> bool:
    """As ``os.get_blocking``."""
    pipe = numbered(fd)
    return _get_blocking(fd) if pipe is None else not pipe.nonblocking


def set_blocking(fd: int, blocking: bool, /) -> None:
    """As ``os.set_blocking``."""
    pipe = numbered(fd)
    if pipe is None:
        _set_blocking(fd, blocking)
    else:
        pipe.nonblocking = not blocking


def select(
    rlist: Iterable[Any], wlist: Iterable[Any], xlist: Iterable[Any], timeout: float | None = None, /
) -> tuple[list[Any], list[Any], list[Any]]:
    """As ``select.select``, for pipes or for what it takes else, but not for both in one call."""
    reading, writing, other = list(rlist), list(wlist), list(xlist)
    pipes = {place: pipe for place, file in enumerate(reading + writing) if (pipe := pipe_of(file)) is not None}
    if not pipes:
        return _select(reading, writing, other, timeout)
    if len(pipes) < len(reading) + len(writing):
        raise ValueError("the pipes of processes cannot be waited for together with other files")
    if timeout is not None and timeout < 0:
        raise ValueError("timeout must be non-negative")
    sweep()
    ready = wait([pipe.end.pollable() for pipe in pipes.values()], timeout)
    places = [place for index, place in enumerate(pipes) if index in ready]
    return (
        [reading[place] for place in places if place < len(reading)],
        [writing[place - len(reading)] for place in places if place >= len(reading)],
        [],
    )


def provide() -> None:
    """Make Python's own functions those of this module."""
    for function in (read, write, close, get_blocking, set_blocking):
        setattr(os, function.__name__, function)
    setattr(select_module, "select", select)
    # The one that select.select is behind, which is not what Python would choose here.
    setattr(selectors.SelectSelector, "_select", staticmethod(select))
    setattr(selectors, "DefaultSelector", selectors.SelectSelector)
