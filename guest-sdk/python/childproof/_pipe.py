"""The guest's ends of the pipes to its processes: streams of the host, and Python's files over them.

A file has a number, as ``fileno`` of any file, by which another process can be given it. No system call knows that number;
``_numbers`` makes the functions that take one know it.
"""

import errno
import io
import itertools
import weakref
from collections.abc import Buffer
from typing import Any, Protocol

from componentize_py_types import Err
from wit_world.imports import wasi_io_poll as io_poll
from wit_world.imports import wasi_io_streams as streams

from . import _append
from ._errors import system_error
from ._resource import abandon, hold, let_go, release, sweep
from ._wait import wait

READ_LEN = 64 * 1024
"""How many bytes are asked of the host at a time: what a pipe of Linux holds."""


class _Stream(Protocol):
    def subscribe(self) -> io_poll.Pollable: ...

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> bool | None: ...


class _End[S: _Stream]:
    """A stream with the one pollable that it ever needs. The pollable is dropped first, as ``wasi:io`` demands."""

    def __init__(self, stream: S) -> None:
        self._stream: S | None = hold(stream)
        self._pollable: io_poll.Pollable | None = None

    @property
    def closed(self) -> bool:
        """Whether it was closed, or is another process's now."""
        return self._stream is None

    def stream(self) -> S:
        if self._stream is None:
            raise ValueError("I/O operation on closed file")
        return self._stream

    def pollable(self) -> io_poll.Pollable:
        """What is ready when the stream is."""
        if self._pollable is None:
            self._pollable = hold(self.stream().subscribe())
        return self._pollable

    def source(self) -> io_poll.Pollable | None:
        """The same, or ``None`` once this is closed."""
        return None if self.closed else self.pollable()

    def take(self) -> S:
        """The stream, for another process: this end is closed."""
        stream = self.stream()
        self._release_pollable()
        let_go(stream)
        self._stream = None
        return stream

    def close(self) -> None:
        self._release_pollable()
        if self._stream is not None:
            release(self._stream)
            self._stream = None

    def _release_pollable(self) -> None:
        if self._pollable is not None:
            release(self._pollable)
            self._pollable = None


class ReadEnd(_End[streams.InputStream]):
    """The reading end of a pipe."""

    def try_read(self, size: int) -> bytes | None:
        """What is there, up to ``size`` bytes; ``None`` if there is nothing yet, and no bytes at the end.

        An end that was given to another process is at its end.
        """
        if self.closed:
            return b""
        try:
            return self.stream().read(size) or None
        except Err as failure:
            return _end_of(failure)
        finally:
            _append.follow()


class WriteEnd(_End[streams.OutputStream]):
    """The writing end of a pipe. What it accepted is written, whatever becomes of this object."""

    def try_write(self, data: memoryview) -> int:
        """Write as much as the pipe takes now, and answer how much that was.

        Raises ``BrokenPipeError`` when nobody reads the pipe any more.
        """
        stream = self.stream()
        try:
            count = min(len(data), stream.check_write())
            if count:
                stream.write(bytes(data[:count]))
                # Nothing is waited for: this asks whether the write failed.
                stream.flush()
        except Err as failure:
            raise _write_error(failure) from failure
        return count

    def flush(self) -> None:
        """Wait until all that was accepted is in the pipe."""
        stream = self.stream()
        try:
            stream.flush()
            # It takes nothing more until then.
            while not stream.check_write():
                wait([self.pollable()], None)
        except Err as failure:
            raise _write_error(failure) from failure


def _end_of(failure: Err[streams.StreamError]) -> bytes:
    if isinstance(failure.value, streams.StreamError_Closed):
        return b""
    raise _failed(failure.value) from failure


def _write_error(failure: Err[streams.StreamError]) -> OSError:
    if isinstance(failure.value, streams.StreamError_Closed):
        return system_error(errno.EPIPE)
    return _failed(failure.value)


def _failed(failure: streams.StreamError_LastOperationFailed) -> OSError:
    try:
        return OSError(errno.EIO, failure.value.to_debug_string())
    finally:
        release(failure.value)


_FIRST_NUMBER = 1 << 20
"""Beyond what the C library of the guest numbers its own files with."""

_numbers = itertools.count(_FIRST_NUMBER)
_files: weakref.WeakValueDictionary[int, "PipeFile[Any]"] = weakref.WeakValueDictionary()


class PipeFile[E: ReadEnd | WriteEnd](io.RawIOBase):
    """A file over an end of a pipe."""

    nonblocking = False
    """Whether it answers ``None`` instead of waiting."""

    def __init__(self, end: E) -> None:
        self.end = end
        self._number = next(_numbers)
        self._finalizing = False
        _files[self._number] = self

    def fileno(self) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self._number

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        if self.closed:
            return
        try:
            super().close()
        finally:
            if self._finalizing:
                abandon(self.end.close)
            else:
                self.end.close()

    def __del__(self) -> None:
        self._finalizing = True
        self.close()

    def _dealloc_warn(self, source: object) -> None:
        # What buffers this file calls this when a finaliser closes it, before it writes what it still has.
        self._finalizing = True


class PipeReader(PipeFile[ReadEnd]):
    """What a process writes."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int | None:
        view = memoryview(buffer).cast("B")
        if not view:
            return 0
        sweep()
        size = min(len(view), READ_LEN)
        while (data := self.end.try_read(size)) is None:
            if self.nonblocking:
                return None
            wait([self.end.pollable()], None)
        view[: len(data)] = data
        return len(data)


class PipeWriter(PipeFile[WriteEnd]):
    """What a process reads."""

    def writable(self) -> bool:
        return True

    def write(self, buffer: Buffer, /) -> int | None:
        view = memoryview(buffer).cast("B")
        if self._finalizing:
            data = bytes(view)
            abandon(lambda: self._write_late(data))
            return len(data)
        sweep()
        return self._write(view)

    def _write(self, view: memoryview) -> int | None:
        """Write all of it; or, where it is not to wait, what the pipe takes, and answer ``None`` if that is nothing."""
        done = 0
        while done < len(view):
            if count := self.end.try_write(view[done:]):
                done += count
            elif self.nonblocking:
                return done or None
            else:
                wait([self.end.pollable()], None)
        return done

    def _write_late(self, data: bytes) -> None:
        """Write what a finaliser could not. Who lost the file cannot be told of an error, either."""
        try:
            self._write(memoryview(data))
        except (OSError, ValueError):
            pass


def numbered(number: int) -> PipeFile[Any] | None:
    """The pipe of this number; ``None`` if it is the number of something else. Raises ``OSError`` if that pipe is closed."""
    if number < _FIRST_NUMBER:
        return None
    file = _files.get(number)
    if file is None or file.closed:
        raise system_error(errno.EBADF)
    return file


def pipe_of(file: object) -> PipeFile[Any] | None:
    """The pipe of a file, or of a number; ``None`` if it is of something else. Raises ``ValueError`` for a closed file."""
    if isinstance(file, int):
        return _files.get(file)
    fileno = getattr(file, "fileno", None)
    if fileno is None:
        return None
    try:
        return _files.get(fileno())
    except io.UnsupportedOperation:
        return None
