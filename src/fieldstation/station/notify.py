"""Tells systemd how the station is doing (sd_notify(3)), without its library, and ends the process
when it hangs.

1. Both watchdogs are fed only while `alive` says so: the loop turns, the journal's thread answers,
   what waits is written, no instrument hangs. A ping from an idle timer would prove nothing.
   `test_the_watchdog_pings_only_while_the_parts_answer`
2. Without a service manager the process watches itself: a thread below Python prints where each
   thread stands and ends the process, so that whoever started it starts it again.
   `test_a_blocked_loop_ends_the_process_with_a_traceback`
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

Alive = Callable[[], Awaitable[bool]]


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


async def watchdog(alive: Alive) -> None:
    """Ping at half the interval that the service manager wants, each time after `alive`."""
    interval_us = int(os.environ.get("WATCHDOG_USEC", "0"))
    if not interval_us:
        return
    while True:
        if await alive():
            notify("WATCHDOG=1")
        await asyncio.sleep(interval_us / 2e6)


async def guard(alive: Alive, patience_s: float) -> None:
    """End the process when `alive` says nothing good for `patience_s`, with all tracebacks on
    standard error. Ends with the task.
    """
    if not patience_s:
        return
    try:
        faulthandler.dump_traceback_later(patience_s, exit=True)
        while True:
            await asyncio.sleep(patience_s / 4)
            if await alive():
                faulthandler.dump_traceback_later(patience_s, exit=True)
    finally:
        faulthandler.cancel_dump_traceback_later()
