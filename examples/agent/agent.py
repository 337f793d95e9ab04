"""An agent that works through a list of tasks: each runs a tool for a limited time, and all of it can be read afterwards.

The tasks come from a TOML file, or from standard input:

    [[task]]
    name = "What changed last"
    run = ["git", "log", "--oneline", "-3"]
    seconds = 5

The agent decides nothing about what may run. Whatever the list asks for, the host's policy has the last word, and a refusal is a
line of the transcript.
"""

import asyncio
import signal
import sys
import time
import tomllib
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass

import childproof

LINES = 12
"""How many lines of a tool's output are shown."""

WIDTH = 160
"""How many characters of a line are shown."""

READ = 1 << 16
"""How many bytes are read at a time."""

GRACE = 2.0
"""How many seconds a tool has to end when it is asked to."""


@dataclass
class Task:
    """Something to do with a tool."""

    name: str
    run: list[str]
    seconds: float = 10.0
    input: str | None = None

    def __post_init__(self) -> None:
        """Checks what came from a file."""
        if not isinstance(self.name, str):
            raise TypeError("'name' is a text")
        if not isinstance(self.run, list) or not self.run or not all(isinstance(word, str) for word in self.run):
            raise TypeError("'run' is a list of texts: the tool and its arguments")
        if not isinstance(self.seconds, (int, float)) or not 0 < self.seconds < 86_400:
            raise TypeError("'seconds' is a number above zero, and no more than a day has")
        if self.input is not None and not isinstance(self.input, str):
            raise TypeError("'input' is a text")


class Transcript:
    """What happens, for a person to read."""

    def __init__(self) -> None:
        self._shown = 0
        self._hidden = 0

    def begin(self, place: str, task: Task) -> None:
        self._shown = self._hidden = 0
        print(f"\n{place} {readable(task.name)}\n  $ {readable(' '.join(task.run))}")

    def line(self, mark: str, text: str) -> None:
        if self._shown < LINES:
            self._shown += 1
            print(f"  {mark} {text}")
        else:
            self._hidden += 1

    def end(self, outcome: str) -> None:
        if self._hidden:
            print(f"    and {self._hidden} lines more")
        print(f"  -> {outcome}")


async def show(stream: asyncio.StreamReader, mark: str, transcript: Transcript) -> None:
    """Shows the lines of a stream as they come, to its end. A line may be as long as it likes."""
    line = b""
    while data := await stream.read(READ):
        *lines, rest = data.split(b"\n")
        for text in lines:
            transcript.line(mark, readable((line + text).decode(errors="replace")))
            line = b""
        # No more of it is kept than is shown.
        line = (line + rest)[: 4 * WIDTH]
    if line:
        transcript.line(mark, readable(line.decode(errors="replace")))


def readable(text: str) -> str:
    """The beginning of a text, without what would move the cursor of whoever reads it."""
    text = text.expandtabs()
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return text if len(text) <= WIDTH else text[:WIDTH] + "..."


async def feed(process: Process, text: str) -> None:
    """Sends the input. That a tool does not read all of it is its own business."""
    assert process.stdin is not None
    try:
        process.stdin.write(text.encode())
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        pass


async def follow(process: Process, task: Task, transcript: Transcript) -> int:
    """Serves all streams of a process until it has ended."""
    assert process.stdout is not None and process.stderr is not None
    async with asyncio.TaskGroup() as group:
        group.create_task(show(process.stdout, "|", transcript))
        group.create_task(show(process.stderr, "!", transcript))
        if task.input is not None:
            group.create_task(feed(process, task.input))
    return await process.wait()


async def stop(process: Process) -> int:
    """Asks a process to end, and kills it if it does not."""
    try:
        process.terminate()
        return await asyncio.wait_for(process.wait(), GRACE)
    except (PermissionError, TimeoutError):
        process.kill()
        return await process.wait()


async def carry_out(task: Task, transcript: Transcript) -> bool:
    """Runs one task, and answers whether it went well."""
    try:
        process = await asyncio.create_subprocess_exec(
            *task.run, stdin=DEVNULL if task.input is None else PIPE, stdout=PIPE, stderr=PIPE
        )
    except OSError as error:
        problem = childproof.problem_of(error)
        transcript.end(f"refused: {problem.field}: {problem.message}" if problem else f"not started: {error}")
        return False
    except ValueError as error:
        # What no process can be given, a NUL in an argument for example.
        transcript.end(f"not started: {error}")
        return False
    began = time.monotonic()
    try:
        code = await asyncio.wait_for(follow(process, task, transcript), task.seconds)
    except TimeoutError:
        code = await stop(process)
        transcript.end(f"out of time after {task.seconds:g} s, {ended(code)}")
        return False
    who = childproof.popen_of(process).ended_by
    why = "" if who in ("itself", "guest") else f", by the policy's limit of {who}"
    transcript.end(f"{ended(code)}{why} after {time.monotonic() - began:.2f} s")
    return code == 0 and not why


def ended(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"


def tasks() -> list[Task]:
    """The list that the agent was given."""
    try:
        match sys.argv[1:]:
            case []:
                text = sys.stdin.read()
            case [path]:
                with open(path, encoding="utf-8") as file:
                    text = file.read()
            case _:
                sys.exit("usage: agent.wasm [TASKS.toml]")
        return [Task(**task) for task in tomllib.loads(text).get("task", [])]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        sys.exit(f"the list of tasks: {error}")


@childproof.main
async def main() -> bool:
    """Works through the list, and fails if a task did."""
    todo = tasks()
    transcript = Transcript()
    done = 0
    for number, task in enumerate(todo, start=1):
        transcript.begin(f"Task {number} of {len(todo)}:", task)
        done += await carry_out(task, transcript)
    print(f"\n{done} of {len(todo)} tasks went well")
    return done < len(todo)
