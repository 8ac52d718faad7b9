"""Tells systemd how the station is doing (sd_notify(3)), without its library.

A watchdog ping is sent only after the event loop and the journal's thread both answered: a ping
from an idle timer would prove nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress


def notify(message: str) -> None:
    """Send a message such as READY=1 to the service manager, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    # A manager that is gone cannot be told anything.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(message.encode(), address)


async def watchdog(alive: Callable[[], Awaitable[object]]) -> None:
    """Ping at half the interval that the service manager wants, each time after `alive`."""
    interval_us = int(os.environ.get("WATCHDOG_USEC", "0"))
    if not interval_us:
        return
    while True:
        await alive()
        notify("WATCHDOG=1")
        await asyncio.sleep(interval_us / 2e6)
