"""The errors of the interface, as the exceptions that Python's own functions raise."""

import errno
import os
from dataclasses import dataclass

from componentize_py_types import Err
from wit_world.imports import childproof_process as process


@dataclass(frozen=True)
class Problem:
    """One field of a request and what is wrong with it."""

    field: str
    """``program``, ``args[2]`` (counted from zero, without the program), ``env LD_PRELOAD``, ``cwd``, ``stdin``..."""
    message: str
    """What is wrong with it, for a person to read."""


_QUOTAS = {
    process.Quota.LIVE_PROCESSES: "as many processes are alive as may be",
    process.Quota.TOTAL_SPAWNS: "as many processes were started as may be",
    process.Quota.HELD_PROCESSES: "as many processes are held as may be; close their streams",
    process.Quota.HELD_BYTES: "the host holds as many bytes for this guest as it may",
}

_PLAIN: dict[type, int] = {
    process.Error_ProgramNotFound: errno.ENOENT,
    process.Error_InterpreterNotFound: errno.ENOENT,
    process.Error_NotExecutable: errno.EACCES,
    process.Error_ProgramChanged: errno.ESTALE,
    process.Error_ProgramBusy: errno.ETXTBSY,
    process.Error_ArgumentsTooLong: errno.E2BIG,
    process.Error_TooManyOpenFiles: errno.EMFILE,
    process.Error_TooManyProcesses: errno.EAGAIN,
    process.Error_OutOfMemory: errno.ENOMEM,
    process.Error_NoSuchProcess: errno.ESRCH,
    process.Error_StatusLost: errno.ECHILD,
    process.Error_TimedOut: errno.ETIMEDOUT,
    process.Error_OutputLimitReached: errno.EFBIG,
}

_DIRECTORY: dict[type, int] = {
    process.Error_DirectoryNotFound: errno.ENOENT,
    process.Error_NotADirectory: errno.ENOTDIR,
}


def problem_of(error: BaseException) -> Problem | None:
    """Which field of a request was refused, and why; ``None`` for an error that is about no field."""
    cause = error.__cause__
    if not isinstance(cause, Err):
        return None
    match cause.value:
        case process.Error_Refused(value) | process.Error_InvalidArgument(value) | process.Error_Unsupported(value):
            return Problem(value.field, value.message)
        case _:
            return None


def os_error(failure: Err[process.Error], program: object = None, cwd: object = None) -> OSError:
    """The exception for a failure of the interface. Raise it ``from failure``.

    ``program`` and ``cwd`` are what the caller had asked for: they become the file name of the exception.
    """
    error = failure.value
    if number := _PLAIN.get(type(error)):
        return system_error(number, program)
    if number := _DIRECTORY.get(type(error)):
        return system_error(number, cwd)
    match error:
        case process.Error_UnknownGrant(value):
            # The text is the system's, which programs may compare. What is missing is a grant: a note in the traceback.
            unknown = system_error(errno.ENOENT, program)
            unknown.add_note(value)
            return unknown
        case process.Error_Refused(value):
            return _named(errno.EACCES, f"{value.field} was refused: {value.message}", program)
        case process.Error_InvalidArgument(value):
            return _named(errno.EINVAL, f"{value.field}: {value.message}", program)
        case process.Error_Unsupported(value):
            return _named(errno.ENOTSUP, f"{value.field}: {value.message}", program)
        case process.Error_QuotaExceeded(value):
            return _named(errno.EDQUOT, _QUOTAS[value], program)
        case process.Error_Other(value):
            return _named(errno.EIO, value, program)
        case _:
            return _named(errno.EIO, repr(error), program)


def system_error(number: int, filename: object = None) -> OSError:
    """The exception for an error number, in the system's own words."""
    return _named(number, os.strerror(number), filename)


def _named(number: int, message: str, filename: object) -> OSError:
    # OSError picks the subclass: FileNotFoundError, PermissionError, ProcessLookupError...
    return OSError(number, message) if filename is None else OSError(number, message, filename)
