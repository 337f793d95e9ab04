"""The transports of the event loop: pipes, and the process that they belong to."""

import asyncio
import errno
import subprocess
import warnings
from asyncio import base_subprocess, transports
from asyncio.log import logger
from typing import TYPE_CHECKING, Any, cast

from ._errors import system_error
from ._pipe import READ_LEN, ReadEnd, WriteEnd
from ._popen import Popen
from ._resource import abandon

if TYPE_CHECKING:
    from ._loop import EventLoop, Watch


class _PipeTransport[E: ReadEnd | WriteEnd](transports.BaseTransport):
    """What both directions have alike."""

    _failure: str
    """What the loop is told when the host reports an error."""

    def _open(self, loop: "EventLoop", pipe: Any, end: E, protocol: Any) -> None:
        self._loop = loop
        self._pipe = pipe
        self._end = end
        self._protocol = protocol
        self._watch: Watch | None = None
        self._closing = False
        self._is_lost = False
        loop.call_soon(protocol.connection_made, self)

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol

    def is_closing(self) -> bool:
        return self._closing

    def _ready(self) -> None:
        """The end is ready, or was closed by somebody else, or given to a process."""
        raise NotImplementedError

    def _start(self) -> None:
        if self._watch is None:
            self._watch = self._loop.watch(self._end.source, self._ready)

    def _stop(self) -> None:
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    def _fail(self, error: OSError) -> None:
        # That nobody reads the pipe any more is for the protocol alone.
        if not isinstance(error, BrokenPipeError):
            self._loop.call_exception_handler(
                {"message": self._failure, "exception": error, "transport": self, "protocol": self._protocol}
            )
        self._close(error)

    def _close(self, error: Exception | None) -> None:
        self._closing = True
        self._stop()
        self._loop.call_soon(self._lost, error)

    def _lost(self, error: Exception | None) -> None:
        if self._is_lost:
            return
        self._is_lost = True
        self._stop()
        try:
            self._protocol.connection_lost(error)
        finally:
            try:
                self._pipe.close()
            finally:
                self._end.close()

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if not self._end.closed:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            abandon(self._end.close)


class ReadTransport(_PipeTransport[ReadEnd], transports.ReadTransport):
    """The reading end of a pipe."""

    _failure = "reading from a pipe failed"

    def __init__(self, loop: "EventLoop", pipe: Any, end: ReadEnd, protocol: Any) -> None:
        super().__init__({"pipe": pipe})
        self._paused = False
        self._open(loop, pipe, end, protocol)
        # Nothing is read before the protocol knows of the connection.
        loop.call_soon(self._resume)

    def __repr__(self) -> str:
        state = "closed" if self._closing else "paused" if self._paused else "reading"
        return f"<{type(self).__name__} {state}>"

    def _resume(self) -> None:
        if self.is_reading():
            self._start()

    def _ready(self) -> None:
        if self._end.closed:
            self._close(None)
            return
        try:
            data = self._end.try_read(READ_LEN)
        except OSError as error:
            self._fail(error)
            return
        if data is None:
            return
        if data:
            self._protocol.data_received(data)
        else:
            self._loop.call_soon(self._protocol.eof_received)
            self._close(None)

    def is_reading(self) -> bool:
        return not self._paused and not self._closing

    def pause_reading(self) -> None:
        self._paused = True
        self._stop()

    def resume_reading(self) -> None:
        self._paused = False
        self._resume()

    def close(self) -> None:
        if not self._closing:
            self._close(None)


class WriteTransport(_PipeTransport[WriteEnd], transports._FlowControlMixin, transports.WriteTransport):
    """The writing end of a pipe."""

    _failure = "writing to a pipe failed"

    if TYPE_CHECKING:

        def _maybe_pause_protocol(self) -> None: ...
        def _maybe_resume_protocol(self) -> None: ...

    def __init__(self, loop: "EventLoop", pipe: Any, end: WriteEnd, protocol: Any) -> None:
        super().__init__({"pipe": pipe}, loop)
        self._buffer = bytearray()
        self._open(loop, pipe, end, protocol)

    def __repr__(self) -> str:
        state = "closed" if self._closing else f"{len(self._buffer)} bytes to write"
        return f"<{type(self).__name__} {state}>"

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data).cast("B")
        if not view or self._closing:
            return
        if self._end.closed:
            self._close(None)
            return
        if not self._buffer:
            try:
                view = view[self._end.try_write(view) :]
            except OSError as error:
                self._fail(error)
                return
            if not view:
                return
            self._start()
        self._buffer += view
        self._maybe_pause_protocol()

    def _ready(self) -> None:
        if self._end.closed:
            self._close(None)
            return
        try:
            count = self._end.try_write(memoryview(bytes(self._buffer[:READ_LEN])))
        except OSError as error:
            self._fail(error)
            return
        del self._buffer[:count]
        if not self._buffer:
            self._stop()
        self._maybe_resume_protocol()
        if not self._buffer and self._closing:
            self._lost(None)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self._closing:
            return
        self._closing = True
        if not self._buffer:
            self._loop.call_soon(self._lost, None)

    def close(self) -> None:
        self.write_eof()

    def abort(self) -> None:
        self._close(None)

    def hang_up(self) -> None:
        """The process has ended: what was not written never will be."""
        if self._buffer:
            self._close(system_error(errno.EPIPE))
        else:
            self.write_eof()

    def _close(self, error: Exception | None) -> None:
        self._buffer.clear()
        super()._close(error)


class SubprocessTransport(base_subprocess.BaseSubprocessTransport):
    """A process and its pipes."""

    _loop: "EventLoop"
    _proc: Popen | None

    _watch: "Watch"

    if TYPE_CHECKING:
        _exit_waiters: list[asyncio.Future[int]]
        _pipes: dict[int, Any]

    def _start(
        self, args: Any, shell: bool, stdin: Any, stdout: Any, stderr: Any, bufsize: int, **kwargs: Any
    ) -> None:
        self._is_connected = False
        proc = subprocess.Popen(
            args, shell=shell, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=bufsize, **kwargs
        )
        self._proc = cast(Popen, proc)
        self._watch = self._loop.watch(self._proc.source, self._check)

    async def _connect_pipes(self, waiter: asyncio.Future[None] | None) -> None:
        try:
            await super()._connect_pipes(waiter)
        finally:
            self._is_connected = True

    def _check(self) -> None:
        """See whether the process has ended."""
        if self._proc is None or self._returncode is not None:
            self._watch.stop()
            return
        if not self._is_connected:
            # Its pipes are being connected, and are told of its end after that.
            return
        try:
            code = self._proc.poll()
        except OSError as error:
            # As CPython does, for nobody knows what it was.
            logger.warning("the status of process %s is lost, will report returncode 255: %s", self._pid, error)
            code = 255
        if code is None:
            return
        self._watch.stop()
        stdin = self._pipes.get(0)
        if stdin is not None and isinstance(stdin.pipe, WriteTransport):
            stdin.pipe.hang_up()
        self._process_exited(code)

    def _process_exited(self, returncode: int) -> None:
        super()._process_exited(returncode)
        # The base class tells those who wait once all pipes are connected and lost: never, if one could not be connected.
        waiters, self._exit_waiters = self._exit_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(returncode)

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if not self._closed:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            abandon(self.close)


def popen_of(process: asyncio.subprocess.Process) -> Popen:
    """The ``Popen`` behind a process of asyncio, which has what only this package tells: ``ended_by`` and ``usage``."""
    transport = vars(process)["_transport"]
    popen = transport.get_extra_info("subprocess")
    if not isinstance(popen, Popen):
        raise TypeError(f"{process!r} was not started by this package")
    return popen
