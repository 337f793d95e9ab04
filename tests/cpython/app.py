"""CPython's own tests of ``subprocess`` and ``asyncio``, as a guest.

``app list`` tells which tests there are, ``app run TEST...`` runs some. Both write JSON, a line for each event, to a file
of ``/results``: standard output and standard error are what the children of the tests inherit.
"""

import os
import sys
import sysconfig
from typing import Any

import childproof

import imports

# The tests look for programs as on a system: there are files, and behind them grants.
PROGRAMS = "/programs"
childproof.programs.update({f"{PROGRAMS}/{grant}": grant for grant in ("ls", "python3", "true")})
sys.executable = f"{PROGRAMS}/python3"
# Newer tests take it apart as a shell would, and it is not quoted for that.
sysconfig.get_config_vars()["CONFIG_ARGS"] = ""
support: Any = imports.module("test.support")
# It takes what Python for WASI has for all that there is.
support.has_subprocess_support = True
support.has_socket_support = True
imports.all_of_package("test.support")
# This would start a process, and nothing can be started while the component is built.
strace_helper: Any = imports.module("test.support.strace_helper")
strace_helper._can_strace = lambda: False
# The tests ask for the platform to know what processes can do, and these are processes of Linux.
sys.platform = "linux"
MODULES = [imports.module(name) for name in ("test.test_asyncio.test_subprocess", "test.test_subprocess")]
imports.within_functions([*MODULES, imports.module("test.test_asyncio.utils")])
sys.platform = "wasi"

import recorder  # noqa: E402 (unittest is imported by the tests, as they have it)


@childproof.main
def main() -> None:
    """Does what the arguments say."""
    _, command, *tests = sys.argv
    # As on a system: a directory of one's own to begin in.
    os.chdir("/work")
    os.environ.update(PATH=f"{os.environ.pop('PATH_OF_PYTHON')}:{PROGRAMS}:/usr/bin:/bin", TMPDIR="/work/tmp")
    # What is written to it is read by nobody.
    os.devnull = "/work/null"
    open(os.devnull, "x").close()
    with open("/results/events", "w", encoding="utf-8", buffering=1) as events:
        if command == "list":
            recorder.list_tests(MODULES, events)
        else:
            recorder.run_tests(tests, events)
