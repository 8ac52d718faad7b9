"""The upload format that station and hub share: pure, and without numpy except in `arrays`."""

from fieldstation.batch.codec import decode, digest, encode
from fieldstation.batch.limits import LIMITS, Limits
from fieldstation.batch.model import Announcement, Batch, Receipt, UnknownLayout

__all__ = [
    "LIMITS", "Announcement", "Batch", "Limits", "Receipt", "UnknownLayout", "decode", "digest",
    "encode",
]  # fmt: skip
