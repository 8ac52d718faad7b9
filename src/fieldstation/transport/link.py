"""A link: bytes to an instrument and back, whatever carries them."""

from __future__ import annotations

import errno
from typing import Protocol

from fieldstation.errors import LinkBusy, LinkDenied, LinkError, LinkNotFound


class Link(Protocol):
    """One open line. One task uses it at a time; cancelling a call leaves the link usable."""

    async def write(self, data: bytes) -> None:
        """Send all of `data`; returns when its last byte should have left the line. Raises
        LinkLost.
        """
        ...

    async def read(self) -> bytes:
        """What has come, at least one byte; waits for it. Raises LinkLost once everything that
        came before the end was read. A cancelled read loses no byte.
        """
        ...

    async def drain(self) -> bytes:
        """Take what has come and was not read, the system's own buffers included; does not wait
        for more.
        """
        ...

    async def aclose(self) -> None:
        """Give the port back. Closing twice is fine."""
        ...


NOT_THERE = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.ENOTDIR}
DENIED = {errno.EACCES, errno.EPERM}
BUSY = {errno.EBUSY, errno.EAGAIN}


def refusal(path: str, number: int | None, reason: str, *, access: str) -> LinkError:
    """The error that says why `path` did not open. `number` is the system's errno, `access` the
    advice for a user without permission.
    """
    if number in NOT_THERE:
        return LinkNotFound(
            f"{path} is not there; check that the cable is plugged in and the name is right"
        )
    if number in DENIED:
        return LinkDenied(f"{path}: this user may not open it; {access}")
    if number in BUSY:
        return LinkBusy(f"{path} is in use by another program; stop that one, a port has one owner")
    return LinkError(f"{path} cannot be opened: {reason}")
