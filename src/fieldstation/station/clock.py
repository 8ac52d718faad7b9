"""The only place that reads a wall clock or the machine's running time.

A wall clock is trusted when the kernel says that something disciplines it, and when it does not say
a time before this program was written.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from fieldstation.model import Instant, Trust

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_STA_UNSYNC = 0x0040  # linux/timex.h: the kernel clock was never set, or not for 16 minutes

# 2026-01-01: no clock that says less was ever set, whatever the kernel believes.
RELEASED_US = 1_767_225_600_000_000


class Clock(Protocol):
    """What the station asks of time."""

    def now(self) -> Instant:
        """This moment."""
        ...

    @property
    def kernel(self) -> str:
        """The id that the kernel drew when the machine started; empty when unknown."""
        ...

    @property
    def error_us(self) -> int:
        """By how much a trusted clock may be wrong at most, as far as is known."""
        ...


class _Timex(ctypes.Structure):
    """The head of `struct timex` (adjtimex(2)); the rest is room that the kernel fills."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    ]


class SystemClock:
    """The machine's clocks. `boot` names this run of the program, 16 random bytes by default;
    `wall_ns` tells UTC.
    """

    def __init__(
        self, boot: bytes | None = None, wall_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.boot = boot or os.urandom(16)
        self._wall_ns = wall_ns
        self._timex = _Timex()
        # Missing on other systems than Linux: then the clock is never believed.
        self._adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)

    def now(self) -> Instant:
        """UTC, time since the machine started (suspend included), and trust in the former."""
        mono_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        utc_us = self._wall_ns() // 1000
        trusted = utc_us >= RELEASED_US and self._disciplined()
        return Instant(utc_us, mono_us, self.boot, Trust.SYNCED if trusted else Trust.UNSYNCED)

    @property
    def kernel(self) -> str:
        """The kernel's own boot id."""
        try:
            return _BOOT_ID.read_text().strip()
        except OSError:
            return ""

    @property
    def error_us(self) -> int:
        """The kernel's bound, which grows while nothing disciplines the clock."""
        self._disciplined()
        return int(self._timex.maxerror)

    def _disciplined(self) -> bool:
        if self._adjtimex is None:
            return False
        self._timex.modes = 0  # ask, change nothing
        answered = self._adjtimex(ctypes.byref(self._timex)) >= 0
        return answered and not self._timex.status & _STA_UNSYNC


def utc_text(utc_us: int) -> str:
    """A time for a sentence, to the second."""
    try:
        moment = datetime.fromtimestamp(utc_us // 1_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{utc_us} us"
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
