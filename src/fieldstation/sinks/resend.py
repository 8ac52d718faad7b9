"""Sends again what a sink says it does not have: at most so often, and not what was given up."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable

from fieldstation.batch.ranges import Range, Ranges
from fieldstation.batch.report import Span
from fieldstation.journal import Journal

log = logging.getLogger(__name__)

# What cannot be sent stays missing and is named in every answer.
AGAIN_S = 3600.0
MOST = 1000  # spans remembered as sent again


class Resend:
    """What `sink` got again, and when. Belongs to the journal's thread."""

    def __init__(self, sink: str) -> None:
        self._sink = sink
        self._sent_s: OrderedDict[Span, float] = OrderedDict()

    def send(self, journal: Journal, missing: Iterable[Span], now_s: float) -> bool:
        """Take the spans out of what the sink has. Whether anything goes again."""
        due = [span for span in missing if now_s - self._sent_s.get(span, -AGAIN_S) >= AGAIN_S]
        if not due:
            return False
        given_up = [
            (entry.first, entry.last)
            for entry in journal.quarantined()
            if entry.sink in ("", self._sink)
        ]
        again = [self._again(journal, span, given_up, now_s) for span in due]
        while len(self._sent_s) > MOST:
            self._sent_s.popitem(last=False)
        return any(again)

    def _again(self, journal: Journal, span: Span, given_up: list[Range], now_s: float) -> bool:
        boot, first, last = span
        wanted = Ranges([(first, last)])
        for pair in given_up:
            wanted.remove(*pair)
        pieces = [p for p in wanted.pairs if journal.resend(self._sink, boot, *p)]
        if not pieces:
            return False
        self._sent_s[span] = now_s
        log.warning(
            "the sink misses readings and gets them again",
            extra={"sink": self._sink, "first": pieces[0][0], "last": pieces[-1][1]},
        )
        return True
