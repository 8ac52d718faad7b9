"""Child processes of `up` and `demo`: started in order, stopped in reverse, never left behind.

1. Children have a session of their own, so that Ctrl-C reaches the parent alone and they can be
   stopped in order: the station first, while the hub still takes its last batch.
2. The kernel tells them when the parent dies of anything else.
3. When one of them ends by itself, all end; or it is started again, after waits that double, when
   they are `lasting`. One that says that a person has to act is not.
   `test_a_dead_program_is_started_again_and_that_is_said`
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from fieldstation.errors import BadRequest, ConfigError, FieldstationError
from fieldstation.sinks.backoff import Backoff

PATIENCE_S = 10.0  # to stop by itself, before it is killed
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
STEADY_S = 60.0  # whoever lived so long starts with the first wait again
HOPELESS = (ConfigError.exit_code, BadRequest.exit_code)
_PR_SET_PDEATHSIG = 1


class ChildEnded(FieldstationError):
    """A program that should have gone on has ended."""


@dataclass(slots=True)
class _Child:
    name: str
    command: Sequence[str]
    user: str | None
    process: asyncio.subprocess.Process


class Children:
    """An asynchronous context that owns the processes started in it. `lasting`: `watch` starts
    again what ends.
    """

    def __init__(self, *, lasting: bool = False) -> None:
        self._lasting = lasting
        self._running: list[_Child] = []

    async def __aenter__(self) -> Children:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in reversed(self._running):
            await _stop(child.process)

    async def start(self, name: str, *arguments: str, announces: bool = False) -> str:
        """Start `fieldstation` with these arguments. With `announces`, wait for the first line that
        it prints, and give it. Raises ChildEnded when it ends instead.
        """
        process = await self.run(name, *_program(arguments), announces=announces)
        if not announces or process.stdout is None:
            return ""
        line = await process.stdout.readline()
        if not line:
            raise ChildEnded(f"the {name} did not start (exit code {await process.wait()})")
        return line.decode().strip()

    async def run(
        self, name: str, *command: str, announces: bool = False, user: str | None = None
    ) -> asyncio.subprocess.Process:
        """Start any program, as another `user` if one is named."""
        process = await _spawn(command, announces, user)
        self._running.append(_Child(name, command, user, process))
        return process

    def next_time(self, name: str, *arguments: str) -> None:
        """Start the `fieldstation` of that name with these arguments, if it has to be again."""
        for child in self._running:
            if child.name == name:
                child.command = _program(arguments)

    async def finish(self, name: str, *command: str) -> None:
        """Run any program to its end; once more when it was killed and they are `lasting`. Raises
        ChildEnded when it fails.
        """
        process = await self.run(name, *command)
        while (code := await process.wait()) < 0 and self._lasting:
            process = await self.run(name, *command)
        if code:
            raise ChildEnded(f"the {name} has failed (exit code {code})")

    async def watch(self) -> None:
        """Return never; raises ChildEnded as soon as one of them ends for good."""
        watches = [asyncio.create_task(self._watch(child)) for child in self._running]
        try:
            done, _ = await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            for watch in watches:
                watch.cancel()

    async def _watch(self, child: _Child) -> None:
        backoff, loop = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S), asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            code = await child.process.wait()
            ended = f"the {child.name} has ended ({_reason(code)})"
            if not self._lasting or code in HOPELESS:
                raise ChildEnded(ended)
            if loop.time() - began_s >= STEADY_S:
                backoff.reset()
            wait_s = backoff.next_s()
            print(f"fieldstation: {ended}; it is started again in {wait_s:.1f} s", file=sys.stderr)
            await asyncio.sleep(wait_s)
            child.process = await _spawn(child.command, user=child.user)


def _program(arguments: Sequence[str]) -> Sequence[str]:
    return (sys.executable, "-m", "fieldstation.cli", *arguments)


def _reason(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


async def _spawn(
    command: Sequence[str], announces: bool = False, user: str | None = None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if announces else asyncio.subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_parent,
        user=user,
    )


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()
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
