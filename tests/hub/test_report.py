"""Reports of stations: what is stored, what is answered, what is refused."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fieldstation.batch.contentdigest import content_digest
from fieldstation.batch.facts import (
    ClockFact,
    Event,
    Fact,
    Hole,
    Source,
    State,
    Tally,
)  # fmt: skip
from fieldstation.batch.report import MEDIA_TYPE, PATH, Answer, Report
from fieldstation.hub import run

DAY_US = 86_400_000_000
START_US = 1_780_000_000_000_000
DAY = START_US // DAY_US


@dataclass(eq=False)
class Voice:
    """A station as the report endpoint hears it."""

    station: Any
    journal: str = field(default_factory=lambda: secrets.token_hex(8))
    mono_us: int = 1_000_000

    def report(self, *facts: tuple[int, Fact], after: int = 0, **more: Any) -> Report:
        """What it says now."""
        self.mono_us += 1_000_000
        usual: dict[str, Any] = {
            "journal": self.journal, "boot": self.station.boot, "kernel": "k1", "version": "0.4",
            "utc_us": START_US, "mono_us": self.mono_us, "trust": 1,
        }  # fmt: skip
        return Report(**(usual | more), after=after, facts=facts)

    def post(self, report: Report | bytes, **headers: str) -> httpx.Response:
        """Send it with the station's key."""
        body = report if isinstance(report, bytes) else json.dumps(report.as_json()).encode()
        usual = {"Authorization": f"Bearer {self.station.key}", "Content-Type": MEDIA_TYPE}
        return self.station.client.post(PATH, content=body, headers=usual | headers)

    def say(self, *facts: tuple[int, Fact], after: int = 0, **more: Any) -> Answer:
        """Send it; the answer has to come."""
        answer = self.post(self.report(*facts, after=after, **more))
        assert answer.status_code == 200, answer.text
        return Answer.from_json(answer.content)

    def stored(self, name: str) -> list[Any]:
        """The rows of a table of the ledger that are this gateway's."""
        from fieldstation.hub.ledger import models
        from fieldstation.hub.stations.models import Gateway

        gateway = Gateway.objects.get(name=self.station.name)
        return list(getattr(models, name).objects.filter(gateway=gateway))

    def hole(self, number: int, **more: Any) -> Hole:
        """A hole of this run."""
        usual: dict[str, Any] = {
            "instrument": "inverter", "layout": "", "cause": "unplugged",
            "first_utc_us": START_US, "last_utc_us": START_US + 90_000_000, "count": 10,
        }  # fmt: skip
        return Hole(number=number, boot=self.station.boot, **(usual | more))

    def tally(self, stored: int, day: int = DAY, instrument: str = "inverter") -> Tally:
        """A tally of this run."""
        return Tally(self.station.boot, instrument, day, stored)


@pytest.fixture
def voice(station: Any) -> Voice:
    return Voice(station)


def facts_of(voice: Voice) -> list[tuple[int, Fact]]:
    boot = voice.station.boot
    return [
        (3, voice.hole(1)),
        (4, voice.tally(60)),
        (7, ClockFact(boot, 1, "k1", 5, START_US, 20_000, Source.HUB)),
        (9, Event(boot, 1, START_US, 7, "started", "The station started.")),
    ]


def test_a_report_that_was_changed_on_the_way_is_sent_again(voice: Voice) -> None:
    body = json.dumps(voice.report(*facts_of(voice)).as_json()).encode()
    told = content_digest(body)
    boot = voice.station.boot.hex().encode()
    changed = body.replace(boot, bytes([boot[0] ^ 1]) + boot[1:])
    answer = voice.post(changed, **{"Content-Digest": told})
    assert answer.status_code == 400
    assert "send it again" in answer.text
    assert voice.stored("Tally") == []
    for good in (told, f"md5=:abc:, {told}", "md5=:abc:"):
        answer = voice.post(body, **{"Content-Digest": good})
        assert answer.status_code == 200
        assert answer.headers["content-digest"] == content_digest(answer.content)


def test_every_kind_of_fact_is_stored(voice: Voice) -> None:
    assert voice.say(*facts_of(voice)).through == 9
    (hole,) = voice.stored("Hole")
    assert (hole.count, hole.cause, hole.state, hole.revision) == (10, "unplugged", "open", 3)
    (tally,) = voice.stored("Tally")
    assert (tally.day, tally.stored) == (DAY, 60)
    (clock,) = voice.stored("Clock")
    assert (clock.kernel, clock.error_us, clock.source) == ("k1", 20_000, "hub")
    (event,) = voice.stored("Event")
    assert (event.what, event.at_us, event.origin) == ("started", START_US, "")


def test_a_first_report_without_facts_learns_how_far_they_are_here(voice: Voice) -> None:
    assert voice.say(after=500).through == 0
    voice.say(*facts_of(voice))
    assert voice.say(after=0).through == 9
    assert voice.say(after=9).through == 9
    assert voice.say(after=1000).through == 9


def test_another_journal_starts_from_nothing(voice: Voice) -> None:
    voice.say(*facts_of(voice))
    voice.journal = secrets.token_hex(8)
    assert voice.say(after=9).through == 0
    assert voice.say(*facts_of(voice)).through == 9
    assert len(voice.stored("Hole")) == 1


def test_a_gap_in_the_facts_is_asked_for(voice: Voice) -> None:
    voice.say((1, voice.hole(1)))
    assert voice.say((5, voice.hole(5)), after=4).through == 1
    assert voice.say((3, voice.hole(3)), (5, voice.hole(5)), after=1).through == 5
    assert {row.number for row in voice.stored("Hole")} == {1, 3, 5}


def test_the_later_word_counts_however_reports_arrive(voice: Voice) -> None:
    closed = voice.hole(1, count=40, last_utc_us=START_US + DAY_US, state=State.LOST)
    voice.say((8, closed), after=7)
    voice.say((2, voice.hole(1)))
    (hole,) = voice.stored("Hole")
    assert (hole.count, hole.state, hole.revision) == (40, "lost", 8)


@pytest.mark.slow
@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=6))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_replay_and_reorder_change_nothing(
    new_station: Callable[[], Any], order: list[int], again: list[int]
) -> None:
    voice = Voice(new_station())
    words = [(n + 1, voice.tally(10 * (n + 1), DAY + n % 2)) for n in range(6)]
    reports = [voice.report(words[n], after=n) for n in range(6)]
    for n in [*order, *again, *range(6)]:
        assert voice.post(reports[n]).status_code == 200
    assert voice.say(after=6).through == 6
    assert {row.day: row.stored for row in voice.stored("Tally")} == {DAY: 50, DAY + 1: 60}
    assert [row.alarm for row in voice.stored("Standing")] == [""]


def test_a_senseless_fact_is_left_out_and_told(voice: Voice) -> None:
    endless = voice.hole(1, count=10**12 + 1)
    early = voice.hole(2, first_utc_us=-1)
    answer = voice.say((1, endless), (2, early), (3, voice.tally(-5)), (4, voice.hole(4)))
    assert answer.through == 4
    assert [row.number for row in voice.stored("Hole")] == [4]
    assert voice.stored("Tally") == []
    (event,) = voice.stored("Event")
    assert event.origin == event.what == "refused"
    assert event.text.startswith("3 facts make no sense")


def test_a_hole_in_which_the_clock_was_set_back_ends_where_it_began(voice: Voice) -> None:
    voice.say((1, voice.hole(1, last_utc_us=START_US - 3_600_000_000)))
    (hole,) = voice.stored("Hole")
    assert (hole.first_utc_us, hole.last_utc_us, hole.count) == (START_US, START_US, 10)


def test_an_event_of_an_impossible_time_is_filed_under_its_arrival(voice: Voice) -> None:
    voice.say((1, Event(voice.station.boot, 1, 5_000_000, 7, "started", "Started in 1970.")))
    (event,) = voice.stored("Event")
    assert event.utc_us == 5_000_000
    assert event.at_us == voice.stored("Standing")[0].at_us


def test_missing_spans_are_named_and_refused_readings_are_not(voice: Voice) -> None:
    station = voice.station
    station.send([(1.0, 1, 1, True, "")] * 10)
    station.batch([(1.0, 1, 1, True, "")] * 5)
    station.send([(1.0, 1, 1, True, "")] * 5)
    other = bytes(15) + b"x"
    spans = ((station.boot, 1, 12), (station.boot, 14, 20), (other, 1, 3))
    assert voice.say(settled=spans).missing == (
        (station.boot, 11, 12), (station.boot, 14, 15), (other, 1, 3),
    )  # fmt: skip
    assert voice.say(settled=((station.boot, 16, 20),)).missing == ()


def test_a_key_speaks_for_its_own_gateway(new_station: Callable[[], Any]) -> None:
    one, other = Voice(new_station()), Voice(new_station())
    one.station.send()
    one.say(*facts_of(one))
    other.journal, other.station.boot = one.journal, one.station.boot
    answer = other.say((1, other.hole(1, cause="silent")), settled=((one.station.boot, 1, 1),))
    assert answer.through == 1
    assert answer.missing == ((one.station.boot, 1, 1),)
    assert [row.cause for row in one.stored("Hole")] == ["unplugged"]
    assert [row.cause for row in other.stored("Hole")] == ["silent"]


@pytest.mark.parametrize("authorization", ["", "Bearer fsk_unknown", "Basic fsk_x"])
def test_a_key_that_is_none_is_rejected(voice: Voice, authorization: str) -> None:
    answer = voice.post(voice.report(), Authorization=authorization)
    assert (answer.status_code, answer.json()["code"]) == (401, "key-rejected")


def test_a_revoked_key_is_refused_at_once(hub: Any, voice: Voice) -> None:
    voice.say()
    run.revoke_gateway(hub.data, voice.station.name)
    assert voice.post(voice.report()).status_code == 401


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"\xff", b'{"journal": NaN}', b'{"journal": "00"}', b"[" * 10_000],
)
def test_a_malformed_report_is_refused_with_its_kind(voice: Voice, body: bytes) -> None:
    answer = voice.post(body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "bad_field"
    assert answer.json()["type"].endswith("report-refused")
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_type_of_body_is_refused(voice: Voice) -> None:
    answer = voice.post(voice.report(), **{"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (415, "not-a-report")


def test_only_post_is_taken(voice: Voice) -> None:
    assert voice.station.client.get(PATH).status_code == 405


def test_a_report_beyond_the_limit_is_refused(voice: Voice) -> None:
    try:
        status = voice.post(b" " * ((1 << 20) + 1)).status_code
    except httpx.TransportError:
        # The hub closed the line while this end was still sending, which is allowed.
        status = 413
    assert status == 413


def test_a_full_disk_says_later(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from fieldstation.hub.ledger import reports

    def full(*given: Any) -> None:
        raise OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(reports, "keep", full)
        answer = voice.post(voice.report(*facts_of(voice)))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert voice.stored("Journal") == voice.stored("Standing") == []
    assert voice.say(*facts_of(voice)).through == 9


def test_the_last_report_is_kept(voice: Voice) -> None:
    voice.say(backlog=900, oldest_utc_us=START_US, journal_bytes=5, disk_free_bytes=6, trust=0)
    (standing,) = voice.stored("Standing")
    assert (standing.backlog, standing.oldest_us) == (900, START_US)
    assert (standing.journal_bytes, standing.disk_free_bytes, standing.trust) == (5, 6, 0)
    assert standing.offset_us == START_US - standing.at_us
    assert standing.version == "0.4"


def test_reports_of_one_group_count_one_after_the_other(
    voice: Voice, new_station: Callable[[], Any]
) -> None:
    from fieldstation.hub import runtime
    from fieldstation.hub.ledger.reports import take
    from fieldstation.hub.stations.models import Gateway

    other, store = Voice(new_station()), runtime.running().store
    ids = {each: Gateway.objects.get(name=each.station.name).id for each in (voice, other)}
    first, second = voice.station.boot, os.urandom(16)
    told = [
        (ids[voice], voice.report((1, voice.hole(1)), (2, voice.tally(6)), boot=first)),
        (ids[other], other.report((1, other.tally(5)))),
        (ids[voice], voice.report((3, voice.tally(12)), after=2, boot=first)),
        (ids[voice], voice.report((9, voice.hole(9)), after=8, boot=second)),
        (ids[voice], voice.report((1, voice.hole(1, count=99)), boot=second)),
    ]
    assert [answer.through for answer in take(store, told, START_US)] == [2, 1, 3, 3, 3]
    assert {run.boot: run.place for run in voice.stored("Run")} == {
        first.hex(): 1, second.hex(): 2
    }  # fmt: skip
    assert [row.stored for row in voice.stored("Tally")] == [12]
    assert [row.stored for row in other.stored("Tally")] == [5]
    assert {row.number: row.count for row in voice.stored("Hole")} == {1: 10, 9: 10}
    (standing,) = voice.stored("Standing")
    assert standing.boot == second.hex()


def test_two_stations_with_one_key_raise_the_alarm(voice: Voice) -> None:
    first, second = voice.station.boot, os.urandom(16)
    voice.say((1, voice.hole(1)), boot=first)
    voice.say((2, voice.hole(2)), after=1, boot=second)
    voice.say(after=2, boot=first)
    assert voice.stored("Standing")[0].alarm == ""
    # The second word after the other run had begun cannot have been under way all the time.
    answer = voice.say(after=2, boot=first)
    (standing,) = voice.stored("Standing")
    assert standing.alarm == "clone"
    assert "clone" in {row.what for row in voice.stored("Event")}
    # From now on each says its facts for itself, so none is taken for the other's.
    assert answer.through == 0
    assert voice.say((2, voice.hole(9)), boot=first).through == 2
    assert voice.say(boot=second).through == 0
    assert {row.number for row in voice.stored("Hole")} == {1, 2, 9}


def test_a_restarted_station_is_no_clone(voice: Voice) -> None:
    for _ in range(5):
        boot = os.urandom(16)
        for _ in range(3):
            voice.say(boot=boot)
    assert voice.stored("Standing")[0].alarm == ""
    assert [row.place for row in sorted(voice.stored("Run"), key=lambda row: row.place)] == [
        1, 2, 3, 4, 5,
    ]  # fmt: skip


# --- a hub whose files were put back ---


def test_a_hub_put_back_from_a_copy_ends_with_the_same(
    hub: Any, voice: Voice, tmp_path: Path
) -> None:
    """The ledger goes back to yesterday's rows; the station is told how far it is and says the rest
    again.
    """
    from django.db import connection

    words = [(n, voice.hole(n)) for n in range(1, 9)]
    voice.say(*words[:3])
    yesterday = tmp_path / "hub.sqlite3"
    with sqlite3.connect(hub.data / "hub.sqlite3") as live, sqlite3.connect(yesterday) as copy:
        live.backup(copy)
    voice.say(*words[3:], after=3)
    before = sorted((row.number, row.revision) for row in voice.stored("Hole"))
    tables = ("ledger_hole", "ledger_journal", "ledger_run", "ledger_standing")
    connection.close()
    with sqlite3.connect(hub.data / "hub.sqlite3", timeout=20) as live:
        live.execute("ATTACH ? AS old", (str(yesterday),))
        for table in tables:
            live.execute(f"DELETE FROM {table}")  # noqa: S608
            live.execute(f"INSERT INTO {table} SELECT * FROM old.{table}")  # noqa: S608
    live.close()
    assert len(voice.stored("Hole")) == 3
    through = voice.say(after=8).through
    assert through == 3
    voice.say(*[word for word in words if word[0] > through], after=through)
    assert sorted((row.number, row.revision) for row in voice.stored("Hole")) == before
