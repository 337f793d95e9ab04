"""Waiting for pollables of ``wasi:io/poll``, for as long as a deadline allows."""

from collections.abc import Sequence

from wit_world.imports import wasi_clocks_monotonic as clock
from wit_world.imports import wasi_io_poll as io_poll

from ._resource import release

_LONGEST = 2**62
"""Nanoseconds: what is longer than this, 146 years, is taken for this."""


def wait(pollables: Sequence[io_poll.Pollable], timeout: float | None) -> set[int]:
    """Wait until one of the pollables is ready, and answer the places of those that are.

    ``timeout`` is in seconds. Zero, or less, looks and does not wait; ``None`` waits for ever, and then there has to be a
    pollable. The answer is empty when the time is over.
    """
    if timeout is None:
        return set(io_poll.poll(list(pollables)))
    timer = clock.subscribe_duration(_nanoseconds(timeout))
    try:
        ready = io_poll.poll([*pollables, timer])
    finally:
        release(timer)
    return {place for place in ready if place < len(pollables)}


def _nanoseconds(seconds: float) -> int:
    if seconds <= 0:
        return 0
    return min(int(min(seconds, _LONGEST / 1e9) * 1e9), _LONGEST)
