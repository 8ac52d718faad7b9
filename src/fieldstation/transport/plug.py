"""A port that can be unplugged: a twin on a pty, with the names that udev would give it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from fieldstation.model import Twin
from fieldstation.transport.host import pty_host


class PtyPort:
    """`twin` behind a USB adapter with serial number `serial`, below the folder `dev` that stands
    for /dev.

    `by_id` stays the same over replugging, `device` follows the number it was plugged in as. `wall`
    and `speed` as in `pty_host`.
    """

    def __init__(
        self, twin: Twin, dev: Path, serial: str, wall: Callable[[], float], *, speed: float = 1.0
    ) -> None:
        self._twin = twin
        self._dev = dev
        self._wall = wall
        self._speed = speed
        self._plugged = AsyncExitStack()
        self.by_id = dev / "serial/by-id" / f"usb-Twin_Adapter_{serial}-if00-port0"
        self.device: Path | None = None

    async def plug(self, number: int = 0, twin: Twin | None = None) -> None:
        """Appear as ttyUSB`number`, on a pty of its own; with another `twin` for this once."""
        pty = await self._plugged.enter_async_context(
            pty_host(twin or self._twin, self._wall, speed=self._speed)
        )
        self.device = self._dev / f"ttyUSB{number}"
        self.by_id.parent.mkdir(parents=True, exist_ok=True)
        # A program that was killed could not take its names away.
        for name, target in ((self.device, pty), (self.by_id, f"../../{self.device.name}")):
            name.unlink(missing_ok=True)
            name.symlink_to(target)

    async def unplug(self) -> None:
        """Vanish: the pty hangs up and both names go. Harmless when not plugged in."""
        if self.device is not None:
            self.by_id.unlink()
            self.device.unlink()
            self.device = None
        await self._plugged.aclose()

    async def replug(self, number: int) -> None:
        """Vanish and come back under another number."""
        await self.unplug()
        await self.plug(number)

    async def __aenter__(self) -> PtyPort:
        await self.plug()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.unplug()
