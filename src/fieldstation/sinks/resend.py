"""Sends again what a sink says it does not have: not what was given up, and ever more seldom.

A hub that was restored from its backup twice gets the same readings twice; one that says for ever
that it misses what it has does not wear out the link.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable

from fieldstation.batch.ranges import Range, Ranges
from fieldstation.batch.report import Span
from fieldstation.journal import Journal

log = logging.getLogger(__name__)

# What cannot be sent stays missing and is named in every answer. The wait doubles with each time.
FIRST_AGAIN_S, AGAIN_S = 60.0, 3600.0
MOST = 1000  # spans remembered as sent again


class Resend:
    """What `sink` got again, and when. Belongs to the journal's thread."""

    def __init__(self, sink: str) -> None:
        self._sink = sink
        # When each span was sent again, and how long it waits for the next time.
        self._sent: OrderedDict[Span, tuple[float, float]] = OrderedDict()

    def send(self, journal: Journal, missing: Iterable[Span], now_s: float) -> bool:
        """Take the spans out of what the sink has. Whether anything goes again."""
        due = [span for span in missing if self._is_due(span, now_s)]
        if not due:
            return False
        given_up = [
            (entry.first, entry.last)
            for entry in journal.quarantined()
            if entry.sink in ("", self._sink)
        ]
        again = [self._again(journal, span, given_up, now_s) for span in due]
        while len(self._sent) > MOST:
            self._sent.popitem(last=False)
        return any(again)

    def _is_due(self, span: Span, now_s: float) -> bool:
        sent_s, wait_s = self._sent.get(span, (now_s, 0.0))
        return now_s - sent_s >= wait_s

    def _again(self, journal: Journal, span: Span, given_up: list[Range], now_s: float) -> bool:
        boot, first, last = span
        wanted = Ranges([(first, last)])
        for pair in given_up:
            wanted.remove(*pair)
        pieces = [p for p in wanted.pairs if journal.resend(self._sink, boot, *p)]
        if not pieces:
            return False
        _, wait_s = self._sent.get(span, (0.0, FIRST_AGAIN_S / 2))
        self._sent[span] = now_s, min(2 * wait_s, AGAIN_S)
        log.warning(
            "the sink misses readings and gets them again",
            extra={"sink": self._sink, "first": pieces[0][0], "last": pieces[-1][1]},
        )
        return True
