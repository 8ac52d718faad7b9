"""Why readings are missing, in words that are stored with the hole."""

from __future__ import annotations

from fieldstation.batch.facts import Cause
from fieldstation.errors import (
    CodecError,
    FieldstationError,
    InstrumentRefused,
    LinkBusy,
    LinkDenied,
    LinkError,
    LinkTimeout,
    StoreError,
    StoreFull,
)


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
    (StoreFull, Cause.DISK_FULL),
    (StoreError, Cause.STORE),
)


def cause_of(error: Exception) -> Cause:
    """The cause that an error is."""
    return next((cause for kind, cause in _CAUSES if isinstance(error, kind)), Cause.DEFECT)


def not_taken(full: bool) -> Cause:
    """Why a journal, which may be full, took no reading."""
    return Cause.DISK_FULL if full else Cause.STORE
