"""The queue within a node, and how old firmware empties it (mqtt_esp contract, B.5)."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop

# The counter minus the samples sent: below and above, the second is lost.
LEAST_AHEAD, MOST_AHEAD = -35, 61


def is_queued(counted: int, sent: int) -> bool:
    """Whether the second `counted` is queued when `sent` samples went out."""
    return LEAST_AHEAD < counted - sent < MOST_AHEAD


def text_order(numbers: Sequence[int]) -> list[int]:
    """The order in which old firmware sends queued ids: that of a heap of texts, so 10 leaves
    before 8.
    """
    heap = [(f'[{{"id":{number},', number) for number in numbers]
    heapify(heap)
    return [heappop(heap)[1] for _ in numbers]
