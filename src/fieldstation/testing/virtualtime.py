"""An event loop whose clock jumps over waiting, for tests of long times without sleeping.

1. When nothing is ready the clock jumps to the next timer; no real time passes.
2. While a thread of `run_in_executor` works the clock runs as usual, so work is not timed out by a
   jump.
3. While sockets or ptys are open a jump waits `GRACE_S` of real time for bytes under way in the
   system. That suits one process that talks to itself; a peer that computes for longer wants an
   ordinary loop.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

GRACE_S = 0.002


class _JumpingSelector(selectors.DefaultSelector):
    """Waits in virtual time: `now_s` is the loop's clock, `jobs` counts threads at work."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.jobs = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready = super().select(min(timeout, self._real_wait_s(timeout)))
        if not ready:
            self.now_s += timeout
        return ready

    def _real_wait_s(self, timeout: float) -> float:
        if self.jobs:
            return timeout
        # One descriptor is always there: the loop's own, by which threads wake it.
        return GRACE_S if len(self.get_map()) > 1 else 0.0


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The loop. `time()` starts at 0 and is a good source for a test's wall clock as well."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now_s

    def run_in_executor(  # type: ignore[override]  # typeshed spells the variadic in 3.11's way only
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """As usual; the clock does not jump until the work is done."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping.jobs += 1
        future.add_done_callback(self._job_done)
        return future

    async def shutdown_default_executor(self, *limit_s: float | None) -> None:
        """As usual, with the same rule: joining the threads is work."""
        self._jumping.jobs += 1
        try:
            await super().shutdown_default_executor(*limit_s)
        finally:
            self._jumping.jobs -= 1

    def _job_done(self, _: asyncio.Future[Any]) -> None:
        self._jumping.jobs -= 1


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on a loop of its own in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def in_virtual_time(test: Callable[P, Awaitable[T]]) -> Callable[P, T]:
    """Make an async test (or step of one) an ordinary function that runs in virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        async def main() -> T:
            return await test(*args, **kwargs)

        return run_virtual(main())

    return run
