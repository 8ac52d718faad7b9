"""Why readings are missing, in words that are stored with the hole."""

from __future__ import annotations

from enum import StrEnum

from fieldstation.errors import (
    CodecError,
    FieldstationError,
    InstrumentRefused,
    LinkBusy,
    LinkDenied,
    LinkError,
    LinkTimeout,
)


class Cause(StrEnum):
    """The causes of holes."""

    UNPLUGGED = "unplugged"  # the port is not there, or vanished
    BUSY = "busy"  # another program has the port
    DENIED = "denied"  # this user may not open the port
    SILENT = "silent"  # no reply
    GARBLED = "garbled"  # replies that cannot be understood
    REFUSED = "refused"  # the instrument says no
    WRONG_UNIT = "wrong_unit"  # another unit than the configured one answers
    OVERRUN = "overrun"  # the readings before took too long
    STORE = "store"  # the journal could not take it
    STOPPED = "stopped"  # the station was not running
    DEFECT = "defect"  # a fault of the program


class WrongUnit(FieldstationError):
    """The unit on the port is not the one that the configuration names."""


_CAUSES: tuple[tuple[type[Exception], Cause], ...] = (
    (LinkTimeout, Cause.SILENT),
    (LinkBusy, Cause.BUSY),
    (LinkDenied, Cause.DENIED),
    (LinkError, Cause.UNPLUGGED),
    (CodecError, Cause.GARBLED),
    (InstrumentRefused, Cause.REFUSED),
    (WrongUnit, Cause.WRONG_UNIT),
)


def cause_of(error: Exception) -> Cause:
    """The cause that an error is."""
    return next((cause for kind, cause in _CAUSES if isinstance(error, kind)), Cause.DEFECT)
