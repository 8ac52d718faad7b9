"""Every limit of posted documents in one table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is taken of one sensor, in counts, characters and days. What a document holds
    beyond `leaves`, `channels` or `text` is kept in the document and becomes no series.
    """

    documents: int = 2_000  # in one post
    depth: int = 32  # levels of objects and lists
    leaves: int = 1_000  # looked at in one document
    channels: int = 600  # of one sensor, ever
    shapes: int = 40  # how often new channels may come; each time is a layout of the series store
    text: int = 256  # characters of a text value
    path: int = 250  # characters of a leaf's path
    unit: int = 32  # characters of a unit
    posts_per_minute: int = 1_200  # one sensor's mean; a burst may be as many at once
    key: int = 200  # characters of an Idempotency-Key
    keys_days: int = 7  # an Idempotency-Key is remembered
    undo_days: int = 30  # a deletion can be undone
    ahead_s: int = 86_400  # a document's own time may lie in the future
    sensors: int = 200  # that one person may own


LIMITS = Limits()
