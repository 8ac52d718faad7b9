"""The only place that reads a wall clock or the machine's running time."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Protocol

from fieldstation.model import Instant, Trust

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_STA_UNSYNC = 0x0040  # linux/timex.h: the kernel clock was never set, or not for 16 minutes


class Clock(Protocol):
    """What the station asks of time."""

    def now(self) -> Instant:
        """This moment."""
        ...

    @property
    def kernel(self) -> str:
        """The id that the kernel drew when the machine started; empty when unknown."""
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
    """The machine's clocks. `boot` names this run of the program, 16 random bytes by default."""

    def __init__(self, boot: bytes | None = None) -> None:
        self.boot = boot or os.urandom(16)
        self._timex = _Timex()
        # Missing on other systems than Linux: then the clock is never believed.
        self._adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)

    def now(self) -> Instant:
        """UTC, time since the machine started (suspend included), and trust in the former."""
        mono_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        return Instant(time.time_ns() // 1000, mono_us, self.boot, self._trust())

    @property
    def kernel(self) -> str:
        """The kernel's own boot id."""
        try:
            return _BOOT_ID.read_text().strip()
        except OSError:
            return ""

    def _trust(self) -> Trust:
        if self._adjtimex is None:
            return Trust.UNSYNCED
        self._timex.modes = 0  # ask, change nothing
        if self._adjtimex(ctypes.byref(self._timex)) < 0 or self._timex.status & _STA_UNSYNC:
            return Trust.UNSYNCED
        return Trust.SYNCED
