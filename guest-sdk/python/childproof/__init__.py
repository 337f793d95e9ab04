"""Native processes for programs written in Python that run as a component.

Importing this package gives ``subprocess`` and ``asyncio`` what they need: ``subprocess.run``, ``Popen`` and the others, and
``asyncio.create_subprocess_exec`` with an event loop, behave as CPython documents them. The host decides what may run: the
name of a program is the name of a *grant* in its policy.

    import asyncio
    import childproof

    @childproof.main
    async def main() -> None:
        git = await asyncio.create_subprocess_exec("git", "status", "--short", stdout=asyncio.subprocess.PIPE)
        output, _ = await git.communicate()
        print(output.decode(), "exited with", git.returncode)

What a sandbox cannot have, ``preexec_fn`` and ``pass_fds`` among it, raises ``ValueError``.
"""

from ._child import EndedBy
from ._errors import Problem, problem_of
from ._install import install
from ._loop import EventLoop
from ._main import main
from ._popen import Popen, programs
from ._transports import popen_of

__all__ = ["EndedBy", "EventLoop", "Popen", "Problem", "install", "main", "popen_of", "problem_of", "programs"]

install()
