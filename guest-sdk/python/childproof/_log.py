"""Where is told what nobody can be given as an exception, because nobody has asked for what failed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger("childproof")


@contextmanager
def logged(what: str) -> Iterator[None]:
    """Log an exception and go on."""
    try:
        yield
    except Exception:
        logger.exception("%s failed", what)
