"""The event loop."""

import asyncio
import gc
import io
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from asyncio.subprocess import PIPE

import childproof


async def echo() -> None:
    """Writes what the guest reads."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print("read", line.decode(), end="")


class Loop(unittest.IsolatedAsyncioTestCase):
    async def test_200_processes_at_once(self) -> None:
        async def one(number: int) -> bytes:
            process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
            output, _ = await process.communicate(b"%d" % number * 10_000)
            self.assertEqual(process.returncode, 0)
            return output

        outputs = await asyncio.gather(*(one(number) for number in range(200)))
        for number, output in enumerate(outputs):
            self.assertTrue(output == b"%d" % number * 10_000)

    async def test_back_pressure_reaches_the_guest(self) -> None:
        process = await asyncio.create_subprocess_exec("sh", "-c", "read go; cat", stdin=PIPE, stdout=PIPE)
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"x" * (4 << 20))
        drained = asyncio.ensure_future(process.stdin.drain())
        done, _ = await asyncio.wait([drained], timeout=0.05)
        self.assertFalse(done)
        reading = asyncio.ensure_future(process.stdout.read())
        drained.cancel()
        process.stdin.write(b"\n" + b"y" * (4 << 20))
        process.kill()
        self.assertEqual(await process.wait(), -signal.SIGKILL)
        self.assertEqual(await reading, b"")

    async def test_a_time_limit(self) -> None:
        process = await asyncio.create_subprocess_exec("sleep", "1000")
        with self.assertRaises(TimeoutError):
            await asyncio.wait_for(process.wait(), 0.01)
        process.terminate()
        self.assertEqual(await process.wait(), -signal.SIGTERM)

    async def test_a_task_group_that_fails_cancels_the_others(self) -> None:
        processes = []

        async def waits() -> None:
            process = await asyncio.create_subprocess_exec("sleep", "1000")
            processes.append(process)
            try:
                await process.wait()
            finally:
                process.kill()
                await process.wait()

        async def fails() -> None:
            while len(processes) < 3:
                await asyncio.sleep(0)
            raise LookupError("on purpose")

        with self.assertRaises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(waits())
                group.create_task(fails())
        self.assertEqual([process.returncode for process in processes], [-signal.SIGKILL] * 3)

    async def test_a_cancelled_spawn_leaves_nothing_behind(self) -> None:
        for turns in range(6):
            task = asyncio.ensure_future(asyncio.create_subprocess_exec("single", "1000", stdin=PIPE, stdout=PIPE))
            for _ in range(turns):
                await asyncio.sleep(0)
            if task.cancel():
                with self.assertRaises(asyncio.CancelledError):
                    await task
            else:
                process = await task
                process.kill()
                await process.wait()
        # The quota of this grant is one.
        process = await asyncio.create_subprocess_exec("single", "0")
        self.assertEqual(await process.wait(), 0)

    async def test_files_are_carried_by_the_loop(self) -> None:
        data = os.urandom(1 << 20)
        with tempfile.TemporaryFile(dir="/data") as source, tempfile.TemporaryFile(dir="/data") as copy:
            source.write(data)
            source.seek(0)
            process = await asyncio.create_subprocess_exec("cat", stdin=source, stdout=copy)
            self.assertEqual(await process.wait(), 0)
            copy.seek(0)
            self.assertTrue(copy.read() == data)

    async def test_it_sleeps_when_there_is_nothing_left_to_carry(self) -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.005)
                turns += 1

        with tempfile.TemporaryFile(dir="/data") as source:
            process = await asyncio.create_subprocess_exec("sh", "-c", "cat; sleep 0.2", stdin=source)
            loop = asyncio.get_running_loop()
            counting = asyncio.ensure_future(count())
            selects = 0
            select = loop._selector.select  # type: ignore[attr-defined]

            def counted(timeout: float | None) -> object:
                nonlocal selects
                selects += 1
                return select(timeout)

            loop._selector.select = counted  # type: ignore[attr-defined]
            await process.wait()
            counting.cancel()
        # A few for each turn, and not one after the other all the time.
        self.assertLess(selects, 10 * turns + 100)

    async def test_a_pipe_that_is_closed_under_the_loop(self) -> None:
        loop = asyncio.get_running_loop()
        failures: list[object] = []
        loop.set_exception_handler(lambda _, context: failures.append(context))
        process = await asyncio.create_subprocess_exec("sh", "-c", "echo x; sleep 1000", stdout=PIPE)
        assert process.stdout is not None
        await process.stdout.readline()
        stdout = childproof.popen_of(process).stdout
        assert stdout is not None
        stdout.close()
        self.assertEqual(await process.stdout.read(), b"")
        process.kill()
        self.assertEqual(await process.wait(), -signal.SIGKILL)
        self.assertEqual(failures, [])

    async def test_what_the_file_of_a_pipe_has_in_its_buffer_is_written(self) -> None:
        loop = asyncio.get_running_loop()
        with subprocess.Popen(["cat"], stdin=PIPE, stdout=PIPE) as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(b"buffered")
            transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
            transport.close()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.assertEqual(process.stdout.read(), b"buffered")

    async def test_a_protocol_is_told_before_its_pipe_is_closed(self) -> None:
        loop = asyncio.get_running_loop()
        told = loop.create_future()

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.pipe = transport.get_extra_info("pipe")

            def connection_lost(self, error: Exception | None) -> None:
                told.set_result(self.pipe.closed)

        with subprocess.Popen(["sh", "-c", ":"], stdout=PIPE) as process:
            await loop.connect_read_pipe(Protocol, process.stdout)
            self.assertFalse(await told)
            assert process.stdout is not None
            self.assertTrue(process.stdout.closed)

    async def test_files_are_carried_while_the_loop_is_busy(self) -> None:
        with tempfile.TemporaryFile(dir="/data") as copy:
            process = subprocess.Popen(["sh", "-c", "printf out; read end"], stdin=PIPE, stdout=copy)
            async with asyncio.timeout(60):
                while not os.fstat(copy.fileno()).st_size:
                    await asyncio.sleep(0)
            process.communicate()

    async def test_the_popen_of_a_process(self) -> None:
        process = await asyncio.create_subprocess_exec("brief", "1000")
        self.assertEqual(await process.wait(), -signal.SIGKILL)
        popen = childproof.popen_of(process)
        self.assertEqual((popen.pid, popen.ended_by), (process.pid, "wall-time"))
        self.assertIsNotNone(popen.usage)

    async def test_a_limit_of_output_ends_what_is_read(self) -> None:
        process = await asyncio.create_subprocess_exec("limited", "-c", "while :; do echo line; done", stdout=PIPE)
        output, _ = await process.communicate()
        self.assertEqual(len(output), 100_000)
        self.assertEqual(childproof.popen_of(process).ended_by, "output")

    async def test_what_cannot_be_waited_for(self) -> None:
        loop = asyncio.get_running_loop()
        with self.assertRaises(NotImplementedError):
            loop.add_reader(0, print)
        with self.assertRaises(NotImplementedError):
            loop.add_signal_handler(signal.SIGINT, print)
        with self.assertRaises(RuntimeError):
            await loop.run_in_executor(None, print)
        with open("/data/file", "w+b") as file, self.assertRaises(NotImplementedError):
            await loop.connect_read_pipe(asyncio.Protocol, file)
        for pipe in (None, io.BytesIO()):
            with unittest.mock.patch("sys.stdin", io.StringIO()), self.assertRaises(NotImplementedError):
                await loop.connect_read_pipe(asyncio.Protocol, pipe)


class Alone(unittest.TestCase):
    def test_a_loop_is_made_with_a_selector(self) -> None:
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.DefaultSelector())) as runner:
            self.assertEqual(runner.run(asyncio.sleep(0, "done")), "done")

    def test_a_loop_that_nothing_can_wake(self) -> None:
        async def waits() -> None:
            await asyncio.get_running_loop().create_future()

        with self.assertRaisesRegex(RuntimeError, "cannot come"):
            asyncio.run(waits())

    def test_a_loop_that_ends_before_its_processes(self) -> None:
        async def forgets() -> None:
            await asyncio.create_subprocess_exec("single", "1000", stdin=PIPE, stdout=PIPE)

        with self.assertWarns(ResourceWarning):
            asyncio.run(forgets())
            gc.collect()
        # What was forgotten is ended at the next call.
        subprocess.run(["sh", "-c", ":"], check=True)
        subprocess.run(["single", "0"], check=True)
