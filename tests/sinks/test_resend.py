"""How soon readings go again that the sink says it misses."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise
from pathlib import Path

from fieldstation.journal import open_journal
from fieldstation.sinks.resend import AGAIN_S, Resend

from .conftest import BOOT, NOW_US, reading

SPAN = (BOOT, 1, 3)


def test_what_a_sink_loses_again_goes_again_ever_more_seldom(tmp_path: Path) -> None:
    journal, _ = open_journal(tmp_path / "journal.sqlite3", utc_us=lambda: NOW_US)
    with closing(journal):
        journal.append([reading(number) for number in range(3)])
        journal.seal("hub", 10)
        resend, sent_s = Resend("hub"), list[int]()
        for now_s in range(0, 20_000, 10):
            journal.settle("hub", 1, 3)
            if resend.send(journal, [SPAN], now_s):
                sent_s.append(now_s)
                assert journal.backlog("hub") == 3
    waits = [later - sooner for sooner, later in pairwise(sent_s)]
    assert sent_s[0] == 0
    assert waits == [60, 120, 240, 480, 960, 1920, *[AGAIN_S] * 4]


def test_what_is_on_its_way_again_is_not_taken_out_twice(tmp_path: Path) -> None:
    journal, _ = open_journal(tmp_path / "journal.sqlite3", utc_us=lambda: NOW_US)
    with closing(journal):
        journal.append([reading(number) for number in range(3)])
        journal.settle("hub", 1, 3)
        resend = Resend("hub")
        assert resend.send(journal, [SPAN], 0)
        assert not resend.send(journal, [SPAN], AGAIN_S)
