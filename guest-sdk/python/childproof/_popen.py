"""``subprocess.Popen`` over the interface.

CPython's own class is kept, with its checks, its text mode, ``communicate``, ``__exit__`` and all that is said about it in its
documentation. What starts a process, waits for it and moves bytes is replaced; those are methods that it has for each
platform.
"""

import io
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any

from componentize_py_types import Err
from wit_world.imports import childproof_process as process
from wit_world.imports import wasi_cli_environment
from wit_world.imports import wasi_io_poll as io_poll

from . import _files, _stdio
from ._carry import FromProcess, ToProcess
from ._child import Child, EndedBy
from ._errors import os_error
from ._pipe import READ_LEN, PipeFile, PipeReader, PipeWriter, ReadEnd, WriteEnd, pipe_of
from ._resource import sweep
from ._wait import serve, wait

SHELL = "/bin/sh"
"""The program that ``shell=True`` runs."""

programs: dict[str, str] = {SHELL: "sh"}
"""The grants behind paths, for code that names its programs so and cannot be changed: ``{"/usr/bin/git": "git"}``.

The keys are absolute. Whether the guest has a file of that name does not matter.
"""


if TYPE_CHECKING:

    class _Stock(subprocess.Popen[Any]):
        """CPython's class with what it has for its methods of each platform, which nobody else is told of."""

        text_mode: bool
        encoding: str | None
        errors: str | None
        _child_created: bool
        _communication_started: bool
        _input: Any
        _input_offset: int

        def _save_input(self, input: Any) -> None: ...
        def _remaining_time(self, endtime: float | None) -> float | None: ...
        def _check_timeout(self, endtime: Any, orig_timeout: Any, stdout_seq: Any, stderr_seq: Any) -> None: ...
        def _translate_newlines(self, data: bytes, encoding: str, errors: str | None) -> str: ...

else:
    _Stock = subprocess.Popen


class Popen(_Stock):
    """A process. See ``subprocess.Popen``; here is what only this package has."""

    _bufsize: int = -1
    _asked: tuple[_stdio.Asked, _stdio.Asked, _stdio.Asked] = (None, None, None)
    _child: Child | None = None

    def __init__(self, args: Any, bufsize: int | None = -1, *rest: Any, **named: Any) -> None:
        self._bufsize = -1 if bufsize is None else bufsize
        super().__init__(args, self._bufsize, *rest, **named)

    @property
    def ended_by(self) -> EndedBy | None:
        """Who ended the process, once its return code is known."""
        return self._child.ended_by if self._child else None

    @property
    def usage(self) -> process.Usage | None:
        """What the process used: nanoseconds of CPU time and bytes of memory, once its return code is known."""
        return self._child.usage if self._child else None

    def __del__(self, _warn: Any = warnings.warn) -> None:
        # As CPython has it, but nobody asks the host here.
        if not self._child_created:
            return
        if self.returncode is None:
            _warn(f"subprocess {self.pid} is still running", ResourceWarning, source=self)
            # Where CPython keeps those that live longer than their object, and looks after them.
            vars(subprocess)["_active"].append(self)

    # How a process is started.

    def _get_handles(self, stdin: Any, stdout: Any, stderr: Any) -> tuple[int, ...]:
        # The guest's ends are made once the process is there, so there is nothing that CPython has to open or close.
        self._closed_child_pipe_fds = True
        self._asked = stdin, stdout, stderr
        return (-1,) * 6

    def _execute_child(
        self,
        args: Any,
        executable: Any,
        preexec_fn: Any,
        close_fds: Any,
        pass_fds: Any,
        cwd: Any,
        env: Any,
        startupinfo: Any,
        creationflags: Any,
        shell: Any,
        p2cread: Any,
        p2cwrite: Any,
        c2pread: Any,
        c2pwrite: Any,
        errread: Any,
        errwrite: Any,
        restore_signals: Any,
        gid: Any,
        gids: Any,
        uid: Any,
        umask: Any,
        start_new_session: Any,
        process_group: Any,
    ) -> None:
        _refuse("preexec_fn", preexec_fn is not None, "it runs code of the guest in the process")
        _refuse("pass_fds", bool(pass_fds), "a process is given its standard streams and no other file")
        _refuse("umask", umask >= 0, "the policy decides what a process may write")
        _refuse("process_group", process_group > 0, "every process has a group and a session of its own")
        words = _words(args, shell)
        if executable is None:
            executable = words[0]
        elif shell:
            words[0] = os.fsdecode(executable)
        sys.audit("subprocess.Popen", executable, words, cwd, env)
        sweep()
        named = _text("executable", executable)
        program = _grant(named, cwd)
        stdin, stdout, stderr = self._asked
        with process.Command(program) as command:
            if words[0] != named:
                command.argv0(words[0])
            command.args(words[1:])
            for key, value in _environment(env):
                command.env(key, value)
            streams: list[_stdio.Stream] = []
            try:
                streams.append(_stdio.stdin(stdin))
                streams.append(_stdio.stdout(stdout))
                streams.append(_stdio.stderr(stderr, stdout))
                _set_directory(command, cwd)
                # From here on, the stream of another process is this one's.
                command.stdin(streams[0].make())
                command.stdout(streams[1].make())
                command.stderr(streams[2].make())
                handle = command.spawn()
            except Err as failure:
                raise os_error(failure, executable, cwd) from failure
            finally:
                for stream in streams:
                    stream.take_back()
        self._started(handle, streams)

    def _started(self, handle: process.Process, streams: Sequence[_stdio.Stream]) -> None:
        self._child = Child(handle)
        self.pid = self._child.pid
        self._child_created = True
        stdin = handle.take_stdin()
        ends = (
            None if stdin is None else WriteEnd(stdin),
            *(None if output is None else ReadEnd(output) for output in (handle.take_stdout(), handle.take_stderr())),
        )
        try:
            for stream in streams:
                if stream.started is not None and stream.ended is not None:
                    stream.started()
                    self._child.at_the_end.append(stream.ended)
            files = [self._guest_end(self._child, stream, end) for stream, end in zip(streams, ends)]
        except BaseException:
            # An encoding that there is not, say: nobody gets this process.
            for end in ends:
                if end is not None:
                    end.close()
            self.kill()
            self.wait()
            raise
        self.stdin, self.stdout, self.stderr = files

    def _guest_end(self, child: Child, stream: _stdio.Stream, end: ReadEnd | WriteEnd | None) -> Any:
        if end is None:
            return None
        if stream.is_carried and stream.number is not None:
            carrier = FromProcess(end, stream.number) if isinstance(end, ReadEnd) else ToProcess(end, stream.number)
            child.at_the_end.append(carrier.finish)
            return None
        # As CPython's own constructor does it for a pipe.
        line_buffering = bool(self.text_mode) and self._bufsize == 1
        if self._bufsize == 1 and not line_buffering:
            warnings.warn("line buffering (bufsize=1) is for text; here it is the default size", RuntimeWarning, 5)
        bufsize = -1 if self._bufsize == 1 else self._bufsize
        size = io.DEFAULT_BUFFER_SIZE if bufsize < 0 else bufsize
        if isinstance(end, ReadEnd):
            reader = PipeReader(end)
            file: Any = io.BufferedReader(reader, size) if size else reader
            return io.TextIOWrapper(file, self.encoding, self.errors) if self.text_mode else file
        writer = PipeWriter(end)
        file = io.BufferedWriter(writer, size) if size else writer
        if not self.text_mode:
            return file
        return io.TextIOWrapper(file, self.encoding, self.errors, line_buffering=line_buffering, write_through=True)

    # How its end is seen.

    def _internal_poll(self, _deadstate: int | None = None) -> int | None:
        if self.returncode is None and self._child is not None:
            serve()
            try:
                self._note(self._child.poll())
            except OSError:
                # CPython says what is to be taken for the code of a process that nobody looks after any more.
                self._note(_deadstate)
                if _deadstate is None:
                    self._child.forget()
                    raise
        return self.returncode

    def _wait(self, timeout: float | None) -> int | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._internal_poll() is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            end = self.source()
            wait([] if end is None else [end], left)
        return self.returncode

    def _note(self, code: int | None) -> None:
        """Take note of the end of the process, if it has ended."""
        if code is not None and self.returncode is None:
            self.returncode = code
            if self._child is not None:
                self._child.forget()

    def source(self) -> io_poll.Pollable | None:
        """What is ready once the process has ended; ``None`` when that was observed."""
        return None if self._child is None else self._child.source()

    # How bytes are exchanged.

    def _communicate(self, input: Any, endtime: float | None, orig_timeout: float | None) -> tuple[Any, Any]:
        if self.stdin and not self._communication_started:
            self._begin_input(input)
        if not self._communication_started:
            self._fileobj2output: dict[IO[Any], list[bytes]] = {}
            for file in (self.stdout, self.stderr):
                if file:
                    self._fileobj2output[file] = _read_ahead(file)
        self._save_input(input)
        unsent = memoryview(self._input or b"").cast("B")
        writing = self.stdin if self._input and self.stdin and not self.stdin.closed else None
        reading = {file for file in self._fileobj2output if not file.closed and not _pipe(file).end.closed}

        while writing or reading:
            progress = False
            if writing:
                sent, writing = self._send(writing, unsent)
                progress = sent
            for file in list(reading):
                data = _pipe(file).end.try_read(READ_LEN)
                if data is None:
                    continue
                progress = True
                if data:
                    self._fileobj2output[file].append(data)
                else:
                    file.close()
                    reading.discard(file)
            serve()
            out, error = self._collected()
            self._check_timeout(endtime, orig_timeout, out, error)
            left = self._remaining_time(endtime)
            if not progress and (writing or reading):
                files = [*reading, writing] if writing else [*reading]
                wait([_pipe(file).end.pollable() for file in files], left)

        try:
            self.wait(timeout=self._remaining_time(endtime))
        except subprocess.TimeoutExpired as expired:
            expired.timeout = orig_timeout or 0
            raise
        return tuple(self._decoded(file, parts) for file, parts in zip((self.stdout, self.stderr), self._collected()))

    def _begin_input(self, input: Any) -> None:
        """Send what the caller has written himself; close the stream if there is nothing to come."""
        assert self.stdin is not None
        try:
            self.stdin.flush()
        except BrokenPipeError:
            pass
        except ValueError:
            # The caller has closed it.
            if not self.stdin.closed:
                raise
        if not input:
            _close(self.stdin)

    def _send(self, file: IO[Any], unsent: memoryview) -> tuple[bool, IO[Any] | None]:
        """Send as much of the input as the pipe takes. Whether that was some, and the file if there is more to send."""
        try:
            count = _pipe(file).end.try_write(unsent[self._input_offset :])
        except BrokenPipeError:
            _close(file)
            return True, None
        self._input_offset += count
        if self._input_offset < len(unsent):
            return count > 0, file
        _close(file)
        return True, None

    def _collected(self) -> list[list[bytes] | None]:
        """What was read from standard output and error; ``None`` for one that is not piped."""
        return [self._fileobj2output[file] if file else None for file in (self.stdout, self.stderr)]

    def _decoded(self, file: IO[Any] | None, parts: list[bytes] | None) -> Any:
        if file is None or parts is None:
            return None
        data = b"".join(parts)
        if not self.text_mode or not isinstance(file, io.TextIOWrapper):
            return data
        return self._translate_newlines(data, file.encoding, file.errors)


def _refuse(argument: str, is_asked: bool, reason: str) -> None:
    if is_asked:
        raise ValueError(f"{argument} is not supported in a sandbox: {reason}")


def _words(args: Any, shell: bool) -> list[str]:
    """The name of the program and its arguments."""
    if isinstance(args, (str, bytes)):
        words: list[Any] = [args]
    elif isinstance(args, os.PathLike):
        if shell:
            raise TypeError("path-like args is not allowed when shell is true")
        words = [args]
    else:
        words = list(args)
    if shell:
        words = [SHELL, "-c", *words]
    return [_text(f"args[{place - 1}]" if place else "the program", word) for place, word in enumerate(words)]


def _grant(program: str, cwd: Any) -> str:
    """The grant that a program is: one of that name, or the one behind that path."""
    if "/" not in program:
        return program
    directory = os.getcwd() if cwd is None else os.path.join(os.getcwd(), os.fsdecode(cwd))
    return programs.get(os.path.normpath(os.path.join(directory, program)), program)


def _text(field: str, value: Any) -> str:
    """A string that the host takes: UTF-8 without a NUL."""
    text = os.fsdecode(value)
    if "\0" in text:
        raise ValueError("embedded null byte")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{field} is not UTF-8, and nothing else can be given to a process") from error
    return text


def _environment(asked: Any) -> Iterable[tuple[str, str]]:
    """The variables to ask for.

    Without ``env`` they are those that the guest has set or changed since it was started: what it was given itself is for
    its operator to give to processes, too, by the policy.
    """
    if asked is None:
        given = dict(wasi_cli_environment.get_environment())
        asked = {key: value for key, value in os.environ.items() if given.get(key) != value}
    for key, value in asked.items():
        key = _text("a name in env", key)
        if "=" in key:
            raise ValueError("illegal environment variable name")
        yield key, _text(f"env {key}", value)


def _set_directory(command: process.Command, asked: Any) -> None:
    """Sets the working directory: ``cwd``, or that of the guest if it has changed it."""
    path = os.getcwd() if asked is None else _text("cwd", asked)
    if asked is None and path == "/":
        return
    with _files.place(path) as (directory, below):
        command.cwd(directory, below)


def _pipe(file: IO[Any]) -> PipeFile[Any]:
    pipe = pipe_of(file)
    if pipe is None:
        raise TypeError(f"{file!r} is no pipe of a process")
    return pipe


def _read_ahead(file: IO[Any]) -> list[bytes]:
    """What a buffer has read before, and nobody has taken from it."""
    buffer = file.buffer if isinstance(file, io.TextIOWrapper) else file
    reader = pipe_of(file)
    if not isinstance(buffer, io.BufferedReader) or not isinstance(reader, PipeReader) or file.closed:
        return []
    nonblocking, reader.nonblocking = reader.nonblocking, True
    try:
        ahead = buffer.peek()
        return [buffer.read(len(ahead))] if ahead else []
    finally:
        reader.nonblocking = nonblocking


def _close(file: IO[Any]) -> None:
    try:
        file.close()
    except BrokenPipeError:
        # Nobody reads it, which is no error of the one who sends.
        pass
