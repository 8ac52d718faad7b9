"""Child processes of `up` and `demo`: started in order, stopped in reverse, never left behind.

1. Children have a session of their own, so that Ctrl-C reaches the parent alone and they can be
   stopped in order: the station first, while the hub still takes its last batch.
2. The kernel tells them when the parent dies of anything else.
3. When one of them ends by itself, all end.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from collections.abc import Sequence
from types import TracebackType

from fieldstation.errors import FieldstationError

PATIENCE_S = 10.0  # to stop by itself, before it is killed
_PR_SET_PDEATHSIG = 1


class ChildEnded(FieldstationError):
    """A program that should have gone on has ended."""


class Children:
    """An asynchronous context that owns the processes started in it."""

    def __init__(self) -> None:
        self._running: list[tuple[str, asyncio.subprocess.Process]] = []

    async def __aenter__(self) -> Children:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _, process in reversed(self._running):
            await _stop(process)

    async def start(self, name: str, *arguments: str, announces: bool = False) -> str:
        """Start `fieldstation` with these arguments. With `announces`, wait for the first line that
        it prints, and give it. Raises ChildEnded when it ends instead.
        """
        command = (sys.executable, "-m", "fieldstation.cli", *arguments)
        process = await self.run(name, *command, announces=announces)
        if not announces or process.stdout is None:
            return ""
        line = await process.stdout.readline()
        if not line:
            raise ChildEnded(f"the {name} did not start (exit code {await process.wait()})")
        return line.decode().strip()

    async def run(
        self, name: str, *command: str, announces: bool = False
    ) -> asyncio.subprocess.Process:
        """Start any program."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if announces else asyncio.subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self._running.append((name, process))
        return process

    async def watch(self) -> None:
        """Return never; raises ChildEnded as soon as one of them ends."""
        waits = {asyncio.create_task(process.wait()): name for name, process in self._running}
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        ended = done.pop()
        raise ChildEnded(f"the {waits[ended]} has ended (exit code {ended.result()})")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), PATIENCE_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def run_until_signal(names: Sequence[str] = ("SIGINT", "SIGTERM", "SIGHUP")) -> asyncio.Event:
    """An event that is set by the first of these signals; call it inside the event loop."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in names:
        loop.add_signal_handler(getattr(signal, name), told.set)
    return told
