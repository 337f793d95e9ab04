"""Files and directories of the guest, as descriptors of ``wasi:filesystem`` that a process can be given.

Python's files are numbers of the C library, behind which no descriptor can be had. So a file is opened a second time by its
name, and that is checked to be the same file.
"""

import errno
import os
import stat
from contextlib import contextmanager
from collections.abc import Iterator
from typing import IO, Any

from componentize_py_types import Err
from wit_world.imports import wasi_filesystem as filesystem
from wit_world.imports import wasi_filesystem_preopens

from ._errors import system_error
from ._resource import release


@contextmanager
def place(path: str) -> Iterator[tuple[filesystem.Descriptor, str | None]]:
    """The preopened directory that holds ``path``, and the path below it, or ``None`` for the directory itself.

    Raises ``FileNotFoundError`` where there is none. The rules are those of the C library: the longest name wins, the later
    one of two that are the same, and what ``..`` is, is for the host to say.
    """
    full = _components(os.path.join(os.getcwd(), path))
    directories = wasi_filesystem_preopens.get_directories()
    try:
        best: tuple[int, filesystem.Descriptor] | None = None
        for directory, name in directories:
            prefix = _components(name)
            if full[: len(prefix)] == prefix and (best is None or len(prefix) >= best[0]):
                best = len(prefix), directory
        if best is None:
            raise system_error(errno.ENOENT, path)
        depth, directory = best
        yield directory, "/".join(full[depth:]) or None
    finally:
        for directory, _ in directories:
            release(directory)


def _components(path: str) -> list[str]:
    return [component for component in path.split("/") if component not in ("", ".")]


def reopen(file: IO[Any], *, write: bool) -> filesystem.Descriptor | None:
    """A descriptor of the same regular file, to be released; ``None`` where the file has no name, or no longer that one."""
    name = getattr(file, "name", None)
    if not isinstance(name, (str, bytes, os.PathLike)):
        return None
    try:
        path = os.path.abspath(os.fsdecode(name))
        held, named = os.fstat(file.fileno()), os.stat(path)
        if not stat.S_ISREG(held.st_mode) or not _same(held, named):
            return None
        flags = filesystem.DescriptorFlags.WRITE if write else filesystem.DescriptorFlags.READ
        with place(path) as (directory, below):
            if below is None:
                return None
            return directory.open_at(
                filesystem.PathFlags.SYMLINK_FOLLOW, below, filesystem.OpenFlags(0), flags
            )
    except (OSError, Err):
        return None


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
