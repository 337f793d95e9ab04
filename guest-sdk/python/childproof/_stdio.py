"""What a process is given as a standard stream, for what ``subprocess`` was told."""

import errno
import os
import stat
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from wit_world.imports import childproof_process as process
from wit_world.imports import wasi_filesystem as filesystem

from . import _files
from ._pipe import PipeReader, PipeWriter, pipe_of
from ._resource import release

type Asked = int | IO[Any] | None
"""What a caller of ``subprocess`` may say of a stream."""

_appended_to: Counter[tuple[int, int]] = Counter()
"""The files that a process appends to, by device and number, with how many do."""


@dataclass
class Stream:
    """One standard stream of a process to be."""

    make: Callable[[], Any]
    """Makes what the host is told, a case of the interface's variant for this stream. Called once, for the spawn."""
    number: int | None = None
    """The number of the guest's file that it is, if it is one."""
    is_piped: bool = False
    """Whether the guest gets the other end as a file."""
    is_carried: bool = False
    """Whether the guest carries the bytes from or to its file."""
    lent: filesystem.Descriptor | None = None
    """What the host borrows for the spawn."""
    started: Callable[[], None] | None = None
    """What is to be done once the process was started."""
    ended: Callable[[], None] | None = None
    """What is to be done once it has ended."""

    def take_back(self) -> None:
        """Drop what was lent for the spawn."""
        if self.lent is not None:
            release(self.lent)
            self.lent = None


@dataclass(frozen=True)
class _Cases:
    """The cases that the interface has for one output."""

    null: type
    piped: type
    inherit: type
    file: type
    stream: type


_STDOUT = _Cases(
    process.StdoutTarget_Null,
    process.StdoutTarget_Piped,
    process.StdoutTarget_Inherit,
    process.StdoutTarget_File,
    process.StdoutTarget_Stream,
)
_STDERR = _Cases(
    process.StderrTarget_Null,
    process.StderrTarget_Piped,
    process.StderrTarget_Inherit,
    process.StderrTarget_File,
    process.StderrTarget_Stream,
)


def stdin(asked: Asked) -> Stream:
    """Where a process is to read from."""
    if asked is None:
        return Stream(process.StdinSource_Inherit, number=0)
    if asked == subprocess.PIPE:
        return Stream(process.StdinSource_Piped, is_piped=True)
    if asked == subprocess.DEVNULL:
        return Stream(process.StdinSource_Null)
    if pipe := pipe_of(asked):
        if not isinstance(pipe, PipeReader):
            raise OSError(errno.EBADF, "stdin cannot be the writing end of a pipe")
        reading = pipe.end
        return Stream(lambda: process.StdinSource_Stream(reading.take()))
    number = _number_of(asked)
    if number == 0:
        return Stream(process.StdinSource_Inherit, number=0)
    descriptor = None if isinstance(asked, int) else _files.reopen(asked, write=False)
    if descriptor is None:
        return Stream(process.StdinSource_Piped, number, is_carried=True)
    offset = os.lseek(number, 0, os.SEEK_CUR)
    file = process.FileStream(descriptor, offset)
    return Stream(lambda: process.StdinSource_File(file), number, lent=descriptor)


def stdout(asked: Asked) -> Stream:
    """Where a process is to write its output."""
    return _output(asked, "stdout", 1, _STDOUT)


def stderr(asked: Asked, out: Stream) -> Stream:
    """Where a process is to write its errors, if its output goes to ``out``."""
    if asked == subprocess.STDOUT:
        return Stream(process.StderrTarget_Stdout)
    if out.number is not None and _is_file(asked) and _number_of(asked) == out.number:
        # One file for both: what is written to it stays in order.
        return Stream(process.StderrTarget_Stdout)
    return _output(asked, "stderr", 2, _STDERR)


def _output(asked: Asked, name: str, own: int, cases: _Cases) -> Stream:
    if asked is None:
        return Stream(cases.inherit, own)
    if asked == subprocess.PIPE:
        return Stream(cases.piped, is_piped=True)
    if asked == subprocess.DEVNULL:
        return Stream(cases.null)
    if pipe := pipe_of(asked):
        if not isinstance(pipe, PipeWriter):
            raise OSError(errno.EBADF, f"{name} cannot be the reading end of a pipe")
        if not isinstance(asked, int):
            asked.flush()
        writing = pipe.end
        writing.flush()
        return Stream(lambda: cases.stream(writing.take()))
    number = _number_of(asked)
    if number == own:
        return Stream(cases.inherit, own)
    if isinstance(asked, int) or not (key := _can_be_appended_to(number)):
        return Stream(cases.piped, number, is_carried=True)
    descriptor = _files.reopen(asked, write=True)
    if descriptor is None:
        return Stream(cases.piped, number, is_carried=True)

    def started() -> None:
        _appended_to[key] += 1

    def ended() -> None:
        _appended_to[key] -= 1
        if not _appended_to[key]:
            del _appended_to[key]
        _seek_to_the_end(number, key)

    file = process.FileStream(descriptor, None)
    return Stream(lambda: cases.file(file), number, lent=descriptor, started=started, ended=ended)


def _is_file(asked: Asked) -> bool:
    return asked is not None and asked not in (subprocess.PIPE, subprocess.DEVNULL) and pipe_of(asked) is None


def _number_of(asked: int | IO[Any] | None) -> int:
    if asked is None or isinstance(asked, int):
        return -1 if asked is None else asked
    return asked.fileno()


def _can_be_appended_to(number: int) -> tuple[int, int] | None:
    """The device and number of a file that a process may append to.

    A process has its own position in a file, so that of the guest would stay behind. At the end of a file that is no
    matter: all append to it, and the guest goes to its end again when the process is gone.
    """
    status = os.fstat(number)
    key = status.st_dev, status.st_ino
    if not stat.S_ISREG(status.st_mode):
        return None
    at_the_end = os.lseek(number, 0, os.SEEK_CUR) == status.st_size
    return key if at_the_end or _appended_to[key] else None


def _seek_to_the_end(number: int, key: tuple[int, int]) -> None:
    try:
        status = os.fstat(number)
        if (status.st_dev, status.st_ino) == key:
            os.lseek(number, 0, os.SEEK_END)
    except OSError:
        # The guest has closed its file.
        pass
