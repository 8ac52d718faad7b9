"""Every error of the program on one page, split by who can act on it.

A message says what happened, to which thing, and the next step. Foreign exceptions become one of
these where they are known, with `from`; whatever else escapes is a defect.
"""

from __future__ import annotations


class FieldstationError(Exception):
    """Root of all errors that the program raises on purpose."""

    exit_code = 1


# --- the operator can act ---


class ConfigError(FieldstationError):
    """The configuration is wrong. `problems` holds one sentence for each fault found, in file
    order.
    """

    exit_code = 78

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


# --- wait and retry ---


class LinkError(FieldstationError):
    """The way to an instrument does not work at the moment."""

    exit_code = 69


class LinkNotFound(LinkError):
    """The port or device is not there (unplugged, renamed, never connected)."""


class LinkBusy(LinkError):
    """Another program owns the port."""


class LinkDenied(LinkError):
    """The system does not let this user open the port."""

    exit_code = 77


class LinkLost(LinkError):
    """The link broke while it was in use."""


class LinkTimeout(LinkError):
    """No complete reply came within the deadline. `partial` holds the bytes that did come."""

    exit_code = 75

    def __init__(self, message: str, partial: bytes = b"") -> None:
        super().__init__(message)
        self.partial = partial


# --- the bytes ---


class CodecError(FieldstationError):
    """Bytes that cannot be understood. `kind` is a short stable word, `offset` counts from the
    first byte looked at.
    """

    exit_code = 65

    def __init__(self, kind: str, message: str, *, data: bytes = b"", offset: int = 0) -> None:
        excerpt = f" (at byte {offset}: {data[offset : offset + 16].hex(' ')})" if data else ""
        super().__init__(message + excerpt)
        self.kind = kind
        self.offset = offset


class ChecksumMismatch(CodecError):
    """The checksum does not fit the bytes."""

    def __init__(self, message: str, *, data: bytes = b"", offset: int = 0) -> None:
        super().__init__("crc_mismatch", message, data=data, offset=offset)


class FrameTooLong(CodecError):
    """A frame grew past the limit of its protocol without ending."""

    def __init__(self, message: str, *, data: bytes = b"", offset: int = 0) -> None:
        super().__init__("too_long", message, data=data, offset=offset)


class InstrumentRefused(FieldstationError):
    """The instrument understood and said no. `code` is its own word for it."""

    exit_code = 5

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# --- storage ---


class StoreError(FieldstationError):
    """A journal or series store could not do what was asked; nothing was accepted."""

    exit_code = 74


class StoreFull(StoreError):
    """The disk (or the store's own limit) is full."""


class StoreDamaged(StoreError):
    """Stored bytes do not fit their digest or structure."""


class StoreUnavailable(StoreError):
    """The store is locked, read-only or unreachable."""


# --- uplink ---


class UplinkError(FieldstationError):
    """The station and the hub do not come to an agreement."""

    exit_code = 69


class HubUnreachable(UplinkError):
    """The hub cannot be reached or is not ready; try again later."""


class BatchRefused(UplinkError):
    """The hub read the batch and will never take it. `code` is its reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class KeyRejected(UplinkError):
    """The hub does not accept the gateway key; a person has to act."""

    exit_code = 77


# --- questions ---


class NotFound(FieldstationError):
    """The named instrument, channel or station does not exist; the message lists the nearest
    names.
    """

    exit_code = 4


class BadRequest(FieldstationError):
    """A range, limit or option that makes no sense; the message says which and what would."""

    exit_code = 2
