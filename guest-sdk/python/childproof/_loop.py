"""The event loop: ``asyncio`` over ``wasi:io/poll``.

CPython's own base class schedules callbacks, timers and tasks. What it waits with is replaced, and what starts processes and
connects their pipes is added. The guest has no sockets to wait for, no threads and no signals; the methods for those raise
``NotImplementedError``, or what CPython raises where a thread cannot be started.
"""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from wit_world.imports import wasi_cli_stdin
from wit_world.imports import wasi_io_poll as io_poll

from ._pipe import PipeReader, PipeWriter, ReadEnd, WriteEnd, pipe_of
from ._resource import sweep
from ._transports import ReadTransport, SubprocessTransport, WriteTransport
from ._wait import serve, wait


type Source = Callable[[], io_poll.Pollable | None]
"""Answers what to wait for, or ``None`` once that is gone, which counts as ready."""


class Watch:
    """Something that the loop waits for, and what it calls whenever that is ready, until it is stopped."""

    def __init__(self, poller: "_Poller", source: Source, callback: Callable[[], None]) -> None:
        self._poller = poller
        self.source = source
        self.callback = callback
        poller.watches[self] = None

    @property
    def stopped(self) -> bool:
        return self not in self._poller.watches

    def stop(self) -> None:
        self._poller.watches.pop(self, None)


class _Poller:
    """What stands for the selector that the base class asks for events."""

    def __init__(self) -> None:
        # A dictionary keeps the order.
        self.watches: dict[Watch, None] = {}

    def select(self, timeout: float | None) -> list[Watch]:
        sweep()
        if not self.watches and timeout is None:
            raise RuntimeError(
                "every task of the event loop waits for something that cannot come: no process, stream or timer is left "
                "that could wake one"
            )
        sources = [(watch, watch.source()) for watch in self.watches]
        ready = [watch for watch, pollable in sources if pollable is None]
        waiting = [(watch, pollable) for watch, pollable in sources if pollable is not None]
        if ready:
            timeout = 0
        if not waiting and timeout == 0:
            serve()
        else:
            places = wait([pollable for _, pollable in waiting], timeout)
            ready += [watch for place, (watch, _) in enumerate(waiting) if place in places]
        return ready


class EventLoop(asyncio.BaseEventLoop):
    """An event loop for a component. ``asyncio.run`` and ``asyncio.new_event_loop`` make one."""

    def __init__(self, selector: object = None) -> None:
        # CPython's loop takes one. Here there is nothing to select with but what the host gives.
        super().__init__()
        self._selector = _Poller()

    def watch(self, source: Source, callback: Callable[[], None]) -> Watch:
        """Call ``callback`` whenever what ``source`` answers is ready, until the watch is stopped."""
        return Watch(self._selector, source, callback)

    def _process_events(self, event_list: list[Watch]) -> None:
        for watch in event_list:
            self.call_soon(self._dispatch, watch)

    def _dispatch(self, watch: Watch) -> None:
        # A callback before this one may have stopped it.
        if not watch.stopped:
            watch.callback()

    def _write_to_self(self) -> None:
        # Nothing runs beside the loop that could have to wake it.
        pass

    def run_in_executor[*Ts, T](
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run a function in the executor that is given. There is no other, because a component has no threads."""
        if executor is None:
            # The base class would make one, and fail once more when the loop shuts it down.
            raise RuntimeError("can't start new thread: a component has none; call the function itself")
        return super().run_in_executor(executor, func, *args)

    async def connect_read_pipe(self, protocol_factory: Any, pipe: Any) -> Any:
        """Read from a pipe of a process, or from ``sys.stdin``."""
        file = pipe_of(pipe)
        if isinstance(file, PipeReader):
            return await self._connect(ReadTransport, protocol_factory(), pipe, file.end)
        if pipe is None or pipe not in (sys.stdin, getattr(sys.stdin, "buffer", None)):
            raise NotImplementedError(f"only a process's pipe or sys.stdin can be read by the event loop, not {pipe!r}")
        protocol = protocol_factory()
        return await self._connect(ReadTransport, protocol, pipe, ReadEnd(wasi_cli_stdin.get_stdin()))

    async def connect_write_pipe(self, protocol_factory: Any, pipe: Any) -> Any:
        """Write to a pipe of a process."""
        file = pipe_of(pipe)
        if not isinstance(file, PipeWriter):
            raise NotImplementedError(f"only a process's pipe can be written by the event loop, not {pipe!r}")
        return await self._connect(WriteTransport, protocol_factory(), pipe, file.end)

    async def _connect(self, make: Any, protocol: Any, pipe: Any, end: ReadEnd | WriteEnd) -> Any:
        transport = make(self, pipe, end, protocol)
        try:
            # One turn of the loop: the protocol is told of the connection in it.
            await asyncio.sleep(0)
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    async def _make_subprocess_transport(
        self,
        protocol: Any,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        extra: Any = None,
        **kwargs: Any,
    ) -> SubprocessTransport:
        waiter = self.create_future()
        transport = SubprocessTransport(
            self, protocol, args, shell, stdin, stdout, stderr, bufsize, waiter=waiter, extra=extra, **kwargs
        )
        try:
            await waiter
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            transport.close()
            await transport._wait()
            raise
        return transport
