"""Signals: by number as Python has them, by name as the interface has them."""

import signal

from wit_world.imports import childproof_process as process

_NAMES: dict[str, type] = {
    "SIGHUP": process.Signal_Hup,
    "SIGINT": process.Signal_Int,
    "SIGQUIT": process.Signal_Quit,
    "SIGILL": process.Signal_Ill,
    "SIGTRAP": process.Signal_Trap,
    "SIGABRT": process.Signal_Abrt,
    "SIGBUS": process.Signal_Bus,
    "SIGFPE": process.Signal_Fpe,
    "SIGKILL": process.Signal_Kill,
    "SIGUSR1": process.Signal_Usr1,
    "SIGSEGV": process.Signal_Segv,
    "SIGUSR2": process.Signal_Usr2,
    "SIGPIPE": process.Signal_Pipe,
    "SIGALRM": process.Signal_Alrm,
    "SIGTERM": process.Signal_Term,
    "SIGSTKFLT": process.Signal_Stkflt,
    "SIGCHLD": process.Signal_Chld,
    "SIGCONT": process.Signal_Cont,
    "SIGSTOP": process.Signal_Stop,
    "SIGTSTP": process.Signal_Tstp,
    "SIGTTIN": process.Signal_Ttin,
    "SIGTTOU": process.Signal_Ttou,
    "SIGURG": process.Signal_Urg,
    "SIGXCPU": process.Signal_Xcpu,
    "SIGXFSZ": process.Signal_Xfsz,
    "SIGVTALRM": process.Signal_Vtalrm,
    "SIGPROF": process.Signal_Prof,
    "SIGWINCH": process.Signal_Winch,
    "SIGIO": process.Signal_Io,
    "SIGPWR": process.Signal_Pwr,
    "SIGSYS": process.Signal_Sys,
}

_TO_HOST: dict[int, type] = {signal.Signals[name].value: case for name, case in _NAMES.items()}
_FROM_HOST: dict[type, int] = {case: number for number, case in _TO_HOST.items()}

_FIRST_REALTIME = 34
"""SIGRTMIN, as Linux has it; the ``signal`` module of the guest has no real-time signals."""
_LAST_REALTIME = 64

_UNNAMED = 255
"""What stands for a signal that the interface has no name for."""


def to_host(number: int) -> process.Signal:
    """The signal of this number. Raises ``ValueError`` for a number that is none."""
    case = _TO_HOST.get(number)
    if case is not None:
        made: process.Signal = case()
        return made
    if _FIRST_REALTIME <= number <= _LAST_REALTIME:
        return process.Signal_Realtime(number - _FIRST_REALTIME)
    raise ValueError(f"{number} is no signal")


def from_host(name: process.Signal) -> int:
    """The number of a signal."""
    if isinstance(name, process.Signal_Realtime):
        return _FIRST_REALTIME + name.value
    return _FROM_HOST.get(type(name), _UNNAMED)
