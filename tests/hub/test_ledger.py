"""Whether the days add up: calendar, holes, gateways and events as the API tells them."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fieldstation.batch import Announcement, Batch, encode
from fieldstation.batch.facts import Cause, Event, Fact, Hole, State, Tally, per_day
from fieldstation.batch.report import MEDIA_TYPE, PATH, Answer, Report
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust

DAY_US = 86_400_000_000
LAYOUT = Layout("meter", "status", (Channel("volts", Kind.NUMBER, "V"),))
INSTRUMENTS = ("one", "two")
# The days of these tests lie in the past and are over for everybody.
FIRST_DAY = 20_000
DAYS = 4
RANGE = {"start_day": "2024-10-04", "end_day": "2024-10-07"}
TIMES = {"start": "2024-10-01T00:00:00Z", "end": "2024-11-01T00:00:00Z"}


@dataclass
class Site:
    """A station with a ledger of its own, as a model: it takes or misses readings and tells the
    hub as much as the test lets through.
    """

    station: Any
    journal: str = field(default_factory=lambda: os.urandom(8).hex())
    boot: bytes = field(default_factory=lambda: os.urandom(16))
    mono_us: int = 10**9
    kept: list[Kept] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    arrived: set[int] = field(default_factory=set)
    revision: int = 0

    def take(self, instrument: str, day: int, second: int) -> None:
        """Record a reading."""
        instant = Instant(day * DAY_US + second * 1_000_000, 1, self.boot, Trust.SYNCED)
        reading = Reading(instrument, LAYOUT, instant, (1.0,))
        self.kept.append(Kept(len(self.kept) + 1, reading))

    def miss(self, hole: Hole) -> None:
        """Keep a hole."""
        self.holes.append(hole)

    def send(self, first: int, last: int) -> None:
        """Upload readings `first` to `last`."""
        kept = tuple(self.kept[first - 1 : last])
        words = tuple(Announcement(name, LAYOUT, 10_000_000) for name in INSTRUMENTS)
        answer = self.station.post(encode(Batch(self.boot, 1, first, last, kept, words)))
        assert answer.status_code == 200, answer.text
        self.arrived.update(range(first, last + 1))

    def facts(self) -> list[Fact]:
        """All that there is to say."""
        return [*self.tallies(), *self.holes]

    def tallies(self) -> list[Tally]:
        counted = Counter(
            (k.reading.instrument, k.reading.instant.utc_us // DAY_US) for k in self.kept
        )
        return [Tally(self.boot, name, day, count) for (name, day), count in counted.items()]

    def report(self, facts: list[Fact], **more: Any) -> Answer:
        """Say these facts."""
        import json

        self.mono_us += 1_000_000
        after, self.revision = self.revision, self.revision + len(facts)
        numbered = tuple(enumerate(facts, after + 1))
        usual: dict[str, Any] = {
            "kernel": "k", "version": "0.4", "utc_us": time.time_ns() // 1000, "trust": 1,
            "backlog": len(self.kept) - len(self.arrived), "boot": self.boot,
        }  # fmt: skip
        report = Report(
            self.journal, mono_us=self.mono_us, after=after, facts=numbered, **(usual | more)
        )
        answer = self.station.client.post(
            PATH,
            content=json.dumps(report.as_json()).encode(),
            headers={
                "Authorization": f"Bearer {self.station.key}", "Content-Type": MEDIA_TYPE
            },
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return Answer.from_json(answer.content)

    def hole(self, first_us: int, last_us: int, count: int, **more: Any) -> Hole:
        """The next hole."""
        usual: dict[str, Any] = {
            "instrument": "one", "layout": "", "cause": Cause.UNPLUGGED, "state": State.LOST,
        }  # fmt: skip
        return Hole(
            number=len(self.holes) + 1, boot=self.boot, first_utc_us=first_us,
            last_utc_us=last_us, count=count, **(usual | more),
        )  # fmt: skip


@pytest.fixture
def site(station: Any) -> Site:
    return Site(station)


def calendar(person: httpx.Client, site: Site, **more: Any) -> dict[tuple[str, int], Any]:
    """The rows of the calendar by instrument and day."""
    from datetime import date

    rows: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        query = RANGE | {"cursor": cursor} | more
        address = f"/api/v1/gateways/{site.station.slug}/calendar"
        page = person.get(address, params=query)
        assert page.status_code == 200, page.text
        rows += page.json()["rows"]
        cursor = page.json()["next"]
    epoch = date(1970, 1, 1)
    found = {
        (row["instrument"], (date.fromisoformat(row["day"]) - epoch).days): row for row in rows
    }
    assert len(found) == len(rows)
    return found


# --- the calendar ---

HOLES = st.tuples(
    st.sampled_from(INSTRUMENTS),
    st.sampled_from(list(Cause)),
    st.integers(0, DAYS * DAY_US - 1),
    st.integers(0, DAYS * DAY_US),
    st.integers(0, 40),
    st.sampled_from(list(State)),
)
READINGS = st.tuples(st.sampled_from(INSTRUMENTS), st.integers(0, DAYS - 1), st.integers(0, 86_399))
SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10)), max_size=6)


@given(st.lists(READINGS, max_size=40), st.lists(HOLES, max_size=6), SPANS, st.integers(1, 9))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_day_adds_up_whatever_arrived(
    person: httpx.Client,
    new_station: Callable[[], Any],
    readings: list[Any],
    holes: list[Any],
    sent: list[tuple[int, int]],
    limit: int,
) -> None:
    site = Site(new_station())
    for name, day, second in readings:
        site.take(name, FIRST_DAY + day, second)
    for name, cause, first, span, count, state in holes:
        begin = FIRST_DAY * DAY_US + first
        site.miss(site.hole(begin, begin + span, count, instrument=name, cause=cause, state=state))
    for first, size in sent:
        if first < len(site.kept):
            site.send(first + 1, min(len(site.kept), first + 1 + size))
    site.report(site.facts())
    found = calendar(person, site, limit=limit)
    due, stored, missed = Counter[Any](), Counter[Any](), Counter[Any]()
    for kept in site.kept:
        key = (kept.reading.instrument, kept.reading.instant.utc_us // DAY_US)
        due[key] += 1
        stored[key] += kept.sequence in site.arrived
    for hole in site.holes:
        for day, count in per_day(hole).items():
            if day < FIRST_DAY + DAYS and hole.state is not State.RECOVERED:
                due[hole.instrument, day] += count
                missed[hole.instrument, day, hole.cause] += count
    for key, row in found.items():
        assert row["adds_up"] is True
        assert row["due"] == due.pop(key, 0)
        assert row["stored"] == stored[key]
        assert row["holes"] == {
            cause: count for (*hole, cause), count in missed.items() if (*hole,) == key and count
        }
        assert row["due"] == sum(row[k] for k in ("stored", "missed", "refused", "in_transit"))
        assert row["in_transit"] == 0 or row["state"] in ("in_transit", "gaps")
        assert row["completeness"] == pytest.approx(
            row["stored"] / row["due"] if row["due"] else 1, abs=1e-6
        )
    assert not +due


@given(st.integers(0, 2**51), st.integers(0, 5 * DAY_US), st.integers(0, 500))
def test_a_hole_is_shared_out_as_the_station_does(first_us: int, span_us: int, count: int) -> None:
    from fieldstation.hub.ledger.calendar import by_day

    hole = Hole(1, "m", "", "silent", bytes(16), first_us, first_us + span_us, count)
    days = dict(by_day(first_us, first_us + span_us, count, 0, 2**40))
    assert days == per_day(hole)
    middle = first_us // DAY_US + 1
    assert dict(by_day(first_us, first_us + span_us, count, middle, middle)) == {
        day: part for day, part in days.items() if day == middle
    }


def test_a_hole_of_centuries_is_quickly_shared_out() -> None:
    from fieldstation.hub.ledger.calendar import by_day

    assert sum(part for _, part in by_day(0, 2**53 - 1, 2**40, 20_000, 20_100)) > 10**9


def test_a_day_of_an_older_station_is_unknown(person: httpx.Client, site: Site) -> None:
    site.take("one", FIRST_DAY, 5)
    site.send(1, 1)
    (row,) = calendar(person, site).values()
    assert (row["stored"], row["due"], row["completeness"]) == (1, None, None)
    assert (row["state"], row["adds_up"]) == ("unknown", None)


def test_more_here_than_the_station_counted_is_wrong(person: httpx.Client, site: Site) -> None:
    for second in range(5):
        site.take("one", FIRST_DAY, second)
    site.send(1, 5)
    site.report([Tally(site.boot, "one", FIRST_DAY, 4)])
    (row,) = calendar(person, site).values()
    assert (row["state"], row["adds_up"]) == ("wrong", False)


def test_readings_that_are_nowhere_any_more_are_wrong(person: httpx.Client, site: Site) -> None:
    for second in range(5):
        site.take("one", FIRST_DAY, second)
    site.send(1, 3)
    site.report(site.facts())
    (row,) = calendar(person, site).values()
    assert (row["state"], row["in_transit"]) == ("in_transit", 2)
    site.report([], backlog=0)
    (row,) = calendar(person, site).values()
    assert (row["state"], row["adds_up"], row["in_transit"]) == ("wrong", False, 2)


def test_of_a_day_that_is_not_over_nothing_is_wrong(person: httpx.Client, site: Site) -> None:
    now_us = time.time_ns() // 1000
    site.take("one", now_us // DAY_US, now_us % DAY_US // 1_000_000)
    site.send(1, 1)
    site.report([Tally(site.boot, "one", now_us // DAY_US, 0)])
    rows = calendar(person, site, start_day="-1d", end_day="today")
    assert [(row["state"], row["due"]) for row in rows.values()] == [("complete", 1)]


def _around(now_s: int) -> dict[str, str]:
    """Yesterday to tomorrow."""
    days = [datetime.fromtimestamp(now_s + place * 86_400, UTC) for place in (-1, 1)]
    return {"start_day": f"{days[0]:%Y-%m-%d}", "end_day": f"{days[1]:%Y-%m-%d}"}


def test_a_restored_station_misses_nothing_that_is_here(person: httpx.Client, site: Site) -> None:
    """It took readings for half an hour, was restored to the state before them, and started."""
    now_s = time.time_ns() // 10**9
    begin_s = now_s - 1800 - now_s % 10
    for second in range(begin_s, begin_s + 1800, 10):
        site.take("one", second // 86_400, second % 86_400)
    site.send(1, 180)
    site.report(site.tallies())
    restored = Site(site.station)
    took_us, gap_us = begin_s * 1_000_000, 10_000_000
    restored.miss(
        restored.hole(took_us, took_us + 239 * gap_us, 240, cause=Cause.STOPPED)
    )  # 180 due times with readings here, and another 60
    restored.miss(restored.hole(took_us, took_us + 9 * gap_us, 10, cause=Cause.SILENT))
    restored.report(restored.facts())
    rows = calendar(person, site, **_around(now_s)).values()
    assert sum(row["stored"] for row in rows) == 180
    assert sum((Counter(row["holes"]) for row in rows), Counter()) == {"stopped": 60, "silent": 10}
    assert all(0 <= row["completeness"] <= 1 for row in rows)


def test_a_station_that_only_stopped_is_believed(person: httpx.Client, site: Site) -> None:
    now_s = time.time_ns() // 10**9 // 10 * 10
    site.take("one", now_s // 86_400, now_s % 86_400)
    site.send(1, 1)
    site.report(site.tallies())
    site.boot = os.urandom(16)
    site.miss(site.hole(now_s * 10**6, (now_s + 50) * 10**6, 6, cause=Cause.STOPPED))
    site.report(site.facts())
    rows = calendar(person, site, **_around(now_s)).values()
    assert sum(row["holes"].get("stopped", 0) for row in rows) == 6


def test_a_silent_station_is_said_to_be_silent(person: httpx.Client, site: Site) -> None:
    from fieldstation.hub.ledger.models import Standing
    from fieldstation.hub.stations.models import Gateway

    site.take("one", FIRST_DAY, 5)
    site.report(site.facts())
    gateway = Gateway.objects.get(name=site.station.name)
    earlier = Standing.objects.get(gateway=gateway).at_us - 7_200_000_000
    Standing.objects.filter(gateway=gateway).update(at_us=earlier)
    Gateway.objects.filter(id=gateway.id).update(last_seen=None)
    answer = person.get(f"/api/v1/gateways/{site.station.slug}/calendar", params=RANGE).json()
    assert answer["online"] is False
    assert [row["state"] for row in answer["rows"]] == ["not_heard"]
    facts = person.get(f"/api/v1/gateways/{site.station.slug}").json()
    assert facts["state"] == "not_heard"
    assert facts["last_seen"] == answer["heard"]


def test_a_reading_refused_for_good_is_counted_as_refused(
    person: httpx.Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.series.embedded import inbox

    site.take("one", FIRST_DAY, 5)
    site.take("one", FIRST_DAY, 6)
    site.send(1, 1)
    words = (Announcement("one", LAYOUT, 20_000_000),)
    body = encode(Batch(site.boot, 1, 2, 2, (site.kept[1],), words))
    with monkeypatch.context() as strict:
        strict.setattr(inbox, "MOST_STREAMS", 0)
        assert site.station.post(body).status_code == 422
    site.arrived.add(2)
    answer = site.report(site.facts(), settled=((site.boot, 1, 2),))
    assert answer.missing == ()
    (row,) = calendar(person, site).values()
    assert (row["stored"], row["refused"], row["in_transit"]) == (1, 1, 0)
    assert (row["state"], row["adds_up"]) == ("gaps", True)
    address = f"/api/v1/gateways/{site.station.slug}/events"
    assert [(e["what"], e["source"]) for e in person.get(address).json()["events"]] == [
        ("refused", "hub")
    ]
    # Offered once more and taken, it counts as stored.
    assert site.station.post(body).status_code == 200
    (row,) = calendar(person, site).values()
    assert (row["stored"], row["refused"], row["state"]) == (2, 0, "complete")


def test_a_contradiction_is_an_event_and_the_first_readings_stay(
    person: httpx.Client, site: Site
) -> None:
    for second in range(4):
        site.take("one", FIRST_DAY, second)
    site.send(1, 4)
    site.kept[2] = Kept(3, Reading("one", LAYOUT, site.kept[2].reading.instant, (9.0,)))
    batch = Batch(site.boot, 1, 2, 4, tuple(site.kept[1:4]))
    assert site.station.post(encode(batch)).json()["code"] == "contradiction"
    site.report(site.facts())
    (row,) = calendar(person, site).values()
    assert (row["stored"], row["state"]) == (4, "complete")
    (event,) = person.get(f"/api/v1/gateways/{site.station.slug}/events").json()["events"]
    assert (event["what"], event["source"]) == ("contradiction", "hub")
    assert event["boot"] == site.boot.hex()


@pytest.mark.parametrize(
    "query",
    [
        {"start_day": "yesterday"},
        {"start_day": "2024-13-01"},
        {"start_day": "1969-12-31"},
        {"start_day": "today", "end_day": "-1d"},
        {"start_day": "-400d"},
        {"cursor": "nonsense"},
    ],
)
def test_a_senseless_calendar_is_refused(person: httpx.Client, site: Site, query: Any) -> None:
    answer = person.get(f"/api/v1/gateways/{site.station.slug}/calendar", params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


# --- holes ---


def test_holes_of_a_range_come_in_pages(person: httpx.Client, site: Site) -> None:
    begin = FIRST_DAY * DAY_US
    for number in range(7):
        # Three of them begin at the same instant.
        at_us = begin + max(0, number - 2) * 60_000_000
        name = INSTRUMENTS[number % 2]
        site.miss(site.hole(at_us, at_us + 50_000_000, 6, instrument=name))
    site.miss(site.hole(begin - 40 * DAY_US, begin - 39 * DAY_US, 10))
    site.report(site.facts())
    address = f"/api/v1/gateways/{site.station.slug}/holes"
    for limit in (1, 2, 3, 100):
        pages = list(_pages(person, address, limit))
        assert [row["number"] for page in pages for row in page] == list(range(1, 8))
        assert all(len(page) <= limit for page in pages)
    rows = person.get(address, params=TIMES | {"instrument": "two"}).json()["holes"]
    assert [row["number"] for row in rows] == [2, 4, 6]
    assert rows[0] == {
        "instrument": "two", "layout": "", "cause": "unplugged", "state": "lost",
        "first": "2024-10-04T00:00:00.000000Z", "last": "2024-10-04T00:00:50.000000Z",
        "count": 6, "boot": site.boot.hex(), "number": 2,
    }  # fmt: skip


def _pages(person: httpx.Client, address: str, limit: int) -> Iterator[list[Any]]:
    cursor: str | None = ""
    while cursor is not None:
        page = person.get(address, params=TIMES | {"limit": limit, "cursor": cursor}).json()
        yield page["holes"]
        cursor = page["next"]


def test_holes_of_an_instrument_are_found_at_its_address(person: httpx.Client, site: Site) -> None:
    site.take("one", FIRST_DAY, 5)
    site.send(1, 1)
    begin = FIRST_DAY * DAY_US
    site.miss(site.hole(begin, begin + 50_000_000, 6))
    site.miss(site.hole(begin, begin + 50_000_000, 6, instrument="two"))
    site.report(site.facts())
    base = f"/api/v1/instruments/{site.station.slug}"
    rows = person.get(f"{base}/one/holes", params=TIMES).json()["holes"]
    assert [row["instrument"] for row in rows] == ["one"]
    assert person.get(f"{base}/nine/holes").status_code == 404
    late = {"start": "2024-10-04T00:00:51Z", "end": "2024-10-05T00:00:00Z"}
    assert person.get(f"{base}/one/holes", params=late).json()["holes"] == []


# --- gateways and events ---


def test_a_gateway_that_never_reported_says_so(person: httpx.Client, site: Site) -> None:
    facts = person.get(f"/api/v1/gateways/{site.station.slug}").json()
    assert (facts["state"], facts["last_seen"], facts["backlog"]) == ("never", None, None)
    assert facts["history"] == []
    assert person.get("/api/v1/gateways/nine").status_code == 404


def test_a_gateway_tells_its_last_report_and_its_runs(person: httpx.Client, site: Site) -> None:
    first, second = os.urandom(16), os.urandom(16)
    now_us = time.time_ns() // 1000
    site.report([], boot=first, backlog=900)
    site.report([], boot=second, backlog=50, utc_us=now_us + 5_000_000, oldest_utc_us=now_us)
    site.miss(site.hole(now_us, now_us, 1, state=State.OPEN))
    site.report(site.facts(), boot=second, backlog=50, utc_us=now_us + 5_000_000,
                oldest_utc_us=now_us, disk_free_bytes=7, journal_bytes=8)  # fmt: skip
    rows = person.get("/api/v1/gateways").json()["gateways"]
    facts = next(row for row in rows if row["gateway"] == site.station.slug)
    assert (facts["state"], facts["revoked"], facts["version"]) == ("online", False, "0.4")
    assert (facts["boot"], facts["journal"], facts["runs"]) == (second.hex(), site.journal, 2)
    assert facts["clock_offset_s"] == pytest.approx(5, abs=4)
    assert (facts["clock_trusted"], facts["backlog"], facts["open_holes"]) == (True, 50, 1)
    assert (facts["disk_free_bytes"], facts["journal_bytes"]) == (7, 8)
    assert facts["alarm"] is None
    history = person.get(f"/api/v1/gateways/{site.station.slug}").json()["history"]
    assert [(run["boot"], run["superseded"]) for run in history] == [
        (second.hex(), False), (first.hex(), True),
    ]  # fmt: skip


def test_the_rest_of_a_backlog_is_reckoned_from_two_reports(
    person: httpx.Client, site: Site
) -> None:
    from fieldstation.hub.ledger.models import Standing
    from fieldstation.hub.stations.models import Gateway

    site.report([], backlog=9_000)
    gateway = Gateway.objects.get(name=site.station.name)
    earlier = Standing.objects.get(gateway=gateway).at_us - 60_000_000
    Standing.objects.filter(gateway=gateway).update(at_us=earlier)
    site.report([], backlog=3_000)
    facts = person.get(f"/api/v1/gateways/{site.station.slug}").json()
    assert facts["drained_in_s"] == pytest.approx(30, abs=1)


def test_the_alarm_of_a_second_station_is_shown(person: httpx.Client, site: Site) -> None:
    first, second = os.urandom(16), os.urandom(16)
    for boot in (first, second, first, second, first):
        site.report([], boot=boot)
    facts = person.get(f"/api/v1/gateways/{site.station.slug}").json()
    assert facts["alarm"]["code"] == "clone"
    assert "key of its own" in facts["alarm"]["text"]


def test_events_come_newest_first_in_pages(person: httpx.Client, site: Site) -> None:
    begin = FIRST_DAY * DAY_US
    # In 2024 no clock of this program's stations was right, so these are filed as they arrive.
    early: list[Fact] = [Event(site.boot, 1, begin, 1, "started", "The station started.")]
    site.report(early)
    now_us = time.time_ns() // 1000
    more: list[Fact] = [
        Event(site.boot, n, now_us - n * 1_000_000, n, "clock_jump", f"Jump {n}.")
        for n in range(2, 6)
    ]
    site.report(more)
    address = f"/api/v1/gateways/{site.station.slug}/events"
    whole = person.get(address).json()
    assert [event["text"] for event in whole["events"]] == [
        "The station started.", "Jump 2.", "Jump 3.", "Jump 4.", "Jump 5.",
    ]  # fmt: skip
    texts, cursor = [], ""
    while cursor is not None:
        page = person.get(address, params={"limit": 2, "cursor": cursor}).json()
        texts += [event["text"] for event in page["events"]]
        cursor = page["next"]
    assert texts == [event["text"] for event in whole["events"]]


@pytest.mark.parametrize("path", ["", "/{g}", "/{g}/holes", "/{g}/calendar", "/{g}/events"])
def test_nobody_asks_without_a_session(anyone: httpx.Client, site: Site, path: str) -> None:
    answer = anyone.get("/api/v1/gateways" + path.format(g=site.station.slug))
    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in")


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/api/v1/gateways", "GatewayList"),
        ("{one}", "GatewayDetail"),
        ("{one}/holes", "HoleList"),
        ("{one}/calendar", "CalendarRows"),
        ("{one}/events", "EventList"),
    ],
)
def test_answers_have_the_described_shape_and_no_more(
    person: httpx.Client, site: Site, path: str, schema: str
) -> None:
    from fieldstation.hub.api import schemas

    now_us = time.time_ns() // 1000
    site.take("one", now_us // DAY_US, 0)
    site.send(1, 1)
    site.miss(site.hole(now_us - 1, now_us, 2))
    started: list[Fact] = [Event(site.boot, 1, now_us - 1, 1, "started", "Started.")]
    site.report([*site.facts(), *started])
    answer = person.get(path.format(one=f"/api/v1/gateways/{site.station.slug}")).json()
    model = getattr(schemas, schema)
    read = model.model_validate(answer)
    assert set(answer) == set(type(read).model_fields)
    for key, value in answer.items():
        if isinstance(value, list) and key != "history":
            assert value, key
            inner = type(getattr(read, key)[0])
            assert set(value[0]) == set(inner.model_fields)
