"""Waiting for pollables of ``wasi:io/poll``, for as long as a deadline allows.

A component has one thread, so whatever goes on in the background goes on here, whoever waits for whatever.
"""

import time
from collections.abc import Sequence
from typing import Protocol

from wit_world.imports import wasi_clocks_monotonic as clock
from wit_world.imports import wasi_io_poll as io_poll

from ._resource import release, sweep

_LONGEST = 2**62
"""Nanoseconds: what is longer than this, 146 years, is taken for this."""

_STEPS = 64
"""How often one of the background goes on before others have their turn."""


class Background(Protocol):
    """Something that goes on while the guest waits."""

    def source(self) -> io_poll.Pollable | None:
        """What is ready when it can go on; ``None`` when it never will again."""

    def step(self) -> bool:
        """Go on without waiting. Whether there was something to do."""


_background: dict[Background, None] = {}


def add(background: Background) -> None:
    """Have something go on in the background, until its source is gone."""
    _background[background] = None


def serve() -> None:
    """Let the background go on, but not for ever."""
    sweep()
    for background in list(_background):
        for _ in range(_STEPS):
            if not background.step():
                break


def wait(pollables: Sequence[io_poll.Pollable], timeout: float | None) -> set[int]:
    """Wait until one of the pollables is ready, and answer the places of those that are.

    ``timeout`` is in seconds. Zero, or less, looks and does not wait; ``None`` waits for ever, and then there has to be a
    pollable. The answer is empty when the time is over.
    """
    if not pollables and timeout is None:
        raise RuntimeError("nothing to wait for")
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        going_on = _sources()
        timer = None if deadline is None else clock.subscribe_duration(_nanoseconds(deadline - time.monotonic()))
        try:
            others = [pollable for _, pollable in going_on]
            ready = io_poll.poll([*pollables, *others, *([] if timer is None else [timer])])
        finally:
            if timer is not None:
                release(timer)
        own = {place for place in ready if place < len(pollables)}
        is_over = len(pollables) + len(others) in ready
        for place, (background, _) in enumerate(going_on, start=len(pollables)):
            if place in ready:
                background.step()
        if own or is_over:
            return own


def _sources() -> list[tuple[Background, io_poll.Pollable]]:
    """What goes on, each with what it waits for. Those that never will again are forgotten."""
    going_on = []
    for background in list(_background):
        pollable = background.source()
        if pollable is None:
            del _background[background]
        else:
            going_on.append((background, pollable))
    return going_on


def _nanoseconds(seconds: float) -> int:
    if seconds <= 0:
        return 0
    return min(int(min(seconds, _LONGEST / 1e9) * 1e9), _LONGEST)
