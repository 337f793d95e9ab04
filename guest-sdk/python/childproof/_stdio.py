"""What a process is given as a standard stream, for what ``subprocess`` was told."""

import errno
import io
import os
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, TypeIs

from wit_world.imports import childproof_process as process
from wit_world.imports import wasi_filesystem as filesystem

from . import _append, _files
from ._pipe import PipeReader, PipeWriter, pipe_of
from ._resource import release

type Asked = int | IO[Any] | None
"""What a caller of ``subprocess`` may say of a stream."""


@dataclass
class Stream:
    """One standard stream of a process to be."""

    make: Callable[[], Any]
    """Makes what the host is told, a case of the interface's variant for this stream. Called once, for the spawn."""
    number: int | None = None
    """The number of the guest's file that it is, if it is one."""
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
        return Stream(process.StdinSource_Piped)
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
    _demand("stdin", asked, "readable")
    descriptor = None if isinstance(asked, int) else _files.reopen(asked, write=False)
    if descriptor is None:
        return Stream(process.StdinSource_Piped, number, is_carried=True)
    offset = os.lseek(number, 0, os.SEEK_CUR)
    file = process.FileStream(descriptor, offset)
    return Stream(lambda: process.StdinSource_File(file), number, lent=descriptor)


def stdout(asked: Asked) -> Stream:
    """Where a process is to write its output."""
    return _output(asked, "stdout", 1, _STDOUT)


def stderr(asked: Asked, asked_of_stdout: Asked) -> Stream:
    """Where a process is to write its errors, if that was asked for its output."""
    if asked == subprocess.STDOUT or _is_one_file(asked, asked_of_stdout):
        # What is written to it stays in order.
        return Stream(process.StderrTarget_Stdout)
    return _output(asked, "stderr", 2, _STDERR)


def _output(asked: Asked, name: str, own: int, cases: _Cases) -> Stream:
    if asked is None:
        return Stream(cases.inherit, own)
    if asked == subprocess.PIPE:
        return Stream(cases.piped)
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
    _demand(name, asked, "writable")
    if isinstance(asked, int) or not _can_be_appended_to(asked):
        return Stream(cases.piped, number, is_carried=True)
    descriptor = _files.reopen(asked, write=True)
    if descriptor is None:
        return Stream(cases.piped, number, is_carried=True)
    raw = _raw(asked)
    file = process.FileStream(descriptor, None)
    return Stream(
        lambda: cases.file(file),
        number,
        lent=descriptor,
        started=lambda: _append.begin(raw),
        ended=lambda: _append.end(raw),
    )


def _is_one_file(one: Asked, other: Asked) -> bool:
    """Whether both are the same file of the guest, or the same pipe."""
    if not _is_file(one) or not _is_file(other):
        return False
    pipe = pipe_of(one)
    return pipe is pipe_of(other) if pipe is not None else _number_of(one) == _number_of(other)


def _is_file(asked: Asked) -> TypeIs[int | IO[Any]]:
    return asked is not None and asked not in (subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL)


def _number_of(asked: int | IO[Any]) -> int:
    return asked if isinstance(asked, int) else asked.fileno()


def _demand(name: str, asked: int | IO[Any], ability: str) -> None:
    """Fail where there is no such file, or it was not opened for what a stream needs: it may be opened anew for that."""
    os.fstat(_number_of(asked))
    able = getattr(asked, ability, None)
    if able is not None and not able():
        raise OSError(errno.EBADF, f"{name}: the file is not {ability}")


def _raw(file: IO[Any]) -> Any:
    """The file below what buffers it: one, however many wrap it."""
    below: Any = file
    if isinstance(below, io.TextIOWrapper):
        below = below.buffer
    return below.raw if isinstance(below, (io.BufferedWriter, io.BufferedRandom)) else below


def _can_be_appended_to(file: IO[Any]) -> bool:
    """Whether a process may append to a file of the guest.

    A process has its own position in a file. At the end of a file that is no matter: all append to it.
    """
    number = file.fileno()
    status = os.fstat(number)
    if not stat.S_ISREG(status.st_mode):
        return False
    return _append.is_appended_to(_raw(file)) or os.lseek(number, 0, os.SEEK_CUR) == status.st_size
