"""When the resources of the host are dropped.

Python drops an object when its last reference goes, or when the collector finds it: in the middle of whatever runs then.
A resource may not be dropped there, for the host may be waiting for an answer of this very component. So what a finaliser
finds is *abandoned*, and dropped at the next call of this package that starts, waits or reads anyway. componentize-py gives
each resource a finaliser of its own, so those that an object keeps for long are *held* here, out of the collector's reach.
"""

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from ._log import logged


class Resource(Protocol):
    """A handle of the host, as componentize-py wraps it: leaving its context drops it."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None: ...


_abandoned: deque[Callable[[], None]] = deque()
_held: dict[int, Resource] = {}


def hold[R: Resource](resource: R) -> R:
    """Keep a resource until it is released, or let go of, whatever becomes of the object that has it."""
    _held[id(resource)] = resource
    return resource


def let_go(resource: Resource) -> None:
    """Keep a resource no longer: it is to be another's."""
    _held.pop(id(resource), None)


def release(resource: Resource) -> None:
    """Drop a resource now."""
    let_go(resource)
    resource.__exit__(None, None, None)


def abandon(close: Callable[[], None]) -> None:
    """Have ``close`` called at the next safe moment. It is safe to call this in a finaliser."""
    _abandoned.append(close)


def sweep() -> None:
    """Close what was abandoned, in the order in which it was."""
    while _abandoned:
        close = _abandoned.popleft()
        # The caller is about something else.
        with logged("closing what was forgotten"):
            close()
