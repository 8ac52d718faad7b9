"""Taking in reports: those that wait are one group and one transaction.

1. A key speaks for its own gateway; everything in a report is filed under it.
2. `through` of a journal grows only by facts that follow what is here; a report that begins later
   stores its facts, and the answer asks for those between (test_a_gap_in_the_facts_is_asked_for).
3. The order in which runs first report is kept. A run that goes on talking after another followed
   it is a second station with the same key: an alarm, and from then on each run of that journal
   says its facts for itself, from the first one. One late word is none, it may have been under way
   (test_two_stations_with_one_key_raise_the_alarm).
4. Spans that the station takes for settled are compared with what the series store received;
   readings that were refused for good are not asked for.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, DataError, IntegrityError, transaction
from django.utils import timezone

from fieldstation.batch.report import MOST_SPANS, Answer, Report, Span
from fieldstation.errors import CodecError, FieldstationError, KeyRejected, StoreUnavailable
from fieldstation.hub.groups import Bounds, Groups
from fieldstation.hub.ingest.desk import REJECTED
from fieldstation.hub.ledger.facts import keep, note
from fieldstation.hub.ledger.models import Journal, Refusal, Run, Standing
from fieldstation.hub.ledger.roll import Roll
from fieldstation.hub.ledger.runs import TWO_AT_ONCE
from fieldstation.hub.stations import keys
from fieldstation.series.api import SeriesStore

CLONE = "clone"
CLONED = (
    "Two stations report with the key of this gateway; nothing is overwritten. Give one of them a "
    "key of its own."
)
# So many stations may wait at once, each with a report that is small as a rule.
BOUNDS = Bounds(group=200, group_bytes=1 << 20, waiting=2_000, waiting_bytes=64 << 20)

Verdict = Answer | FieldstationError
Told = tuple[UUID, Report]
"""A report, and the gateway that it speaks for."""


@dataclass(frozen=True, slots=True)
class _Said:
    key_hash: bytes
    body: bytes


class ReportDesk:
    """Takes (key, body) on the event loop."""

    def __init__(self, store: SeriesStore) -> None:
        self._store = store
        self._groups: Groups[_Said, Verdict] = Groups("report-desk", BOUNDS, self._judge)

    def start(self) -> None:
        """Begin to work, on the running event loop."""
        self._groups.start()

    async def stop(self) -> None:
        """Answer all that waits, then end; what comes later is sent away."""
        await self._groups.stop()

    async def submit(self, key: str, body: bytes) -> Verdict:
        """The answer to one report. Raises StoreUnavailable when too much waits already."""
        return await self._groups.submit(_Said(keys.key_hash(key), body), len(body))

    def _judge(self, group: list[_Said]) -> list[Verdict]:
        try:
            holders = keys.holders({said.key_hash for said in group})
            heard = [_heard(said, holders.get(said.key_hash)) for said in group]
            told = [each for each in heard if isinstance(each, tuple)]
            answers = iter(self._take(told, time.time_ns() // 1000))
        except DatabaseError as error:
            raise StoreUnavailable("The hub cannot write what was reported now.") from error
        return [next(answers) if isinstance(each, tuple) else each for each in heard]

    def _take(self, told: Sequence[Told], now_us: int) -> Sequence[Verdict]:
        try:
            return take(self._store, told, now_us)
        except (DataError, IntegrityError):
            # One of them holds what the database does not take; it fails alone.
            if len(told) == 1:
                return [StoreUnavailable("The hub cannot write this report.")]
            return [verdict for each in told for verdict in self._take([each], now_us)]


def _heard(said: _Said, gateway: str | None) -> Told | FieldstationError:
    if gateway is None:
        return KeyRejected(REJECTED)
    try:
        return UUID(gateway), Report.from_json(said.body)
    except CodecError as error:
        return error


def end_alarm(gateway: UUID) -> bool:
    """Believe from now on that one station reports with the gateway's key; False when nobody
    doubted it. Two that go on reporting raise the alarm again (rule 3).
    """
    with transaction.atomic():
        alarmed = Standing.objects.filter(gateway_id=gateway).exclude(alarm="")
        if not alarmed.update(alarm="", alarm_text="", alarm_us=0):
            return False
        Run.objects.filter(gateway_id=gateway).update(late=0)
        Journal.objects.filter(gateway_id=gateway).update(disputed=False)
    return True


def take(store: SeriesStore, told: Sequence[Told], now_us: int) -> list[Answer]:
    """Store reports of these gateways; durable when it returns. Raises DatabaseError."""
    if not told:
        return []
    missing = [_missing(store, *each) for each in told]
    with transaction.atomic():
        _keep_facts(told, now_us)
        roll = Roll(told)
        through = [_enter(roll, gateway, report, now_us) for gateway, report in told]
        roll.save()
        keys.seen({gateway.hex for gateway, _ in told}, timezone.now())
    return [Answer(now_us, *each) for each in zip(through, missing, strict=True)]


def _keep_facts(told: Sequence[Told], now_us: int) -> None:
    facts = [(gateway, report.journal, report.facts) for gateway, report in told]
    for (gateway, report), senseless in zip(told, keep(facts, now_us), strict=True):
        if senseless:
            text = f"{len(senseless)} facts make no sense, the first is {senseless[0]}"
            note(gateway, "refused", report.boot.hex(), text, now_us)


def _enter(roll: Roll, gateway: UUID, report: Report, now_us: int) -> int:
    """Change the roll as this report says; how far the facts of its journal are here."""
    journal = roll.journal(gateway, report.journal)
    run = roll.run(gateway, report, now_us)
    cloned = _minded(roll, run, journal, report)
    _stand(roll, gateway, report, now_us, cloned)
    return _through(journal, run, report)


def _missing(store: SeriesStore, gateway: UUID, report: Report) -> tuple[Span, ...]:
    absent = store.absent(gateway.hex, report.settled)[:MOST_SPANS]
    if not absent:
        return ()
    runs = {boot.hex() for boot, _, _ in absent}
    refused = set(
        Refusal.objects.filter(gateway_id=gateway, boot__in=runs).values_list("boot", "sequence")
    )
    return tuple(
        (boot, first, last)
        for boot, first, last in absent
        # Stations set readings aside one by one, so a refused one is a span of its own.
        if first != last or (boot.hex(), first) not in refused
    )


def _minded(roll: Roll, run: Run, journal: Journal, report: Report) -> bool:
    """Rule 3; whether this report shows that there are two stations."""
    news, run.mono_us = report.mono_us > run.mono_us, max(report.mono_us, run.mono_us)
    run.late += news and roll.followed(run)
    if run.late < TWO_AT_ONCE:
        return False
    journal.disputed = True
    return news


def _through(journal: Journal, run: Run, report: Report) -> int:
    """Rule 2: how far the facts are here, told of the journal or, when disputed, of the run."""
    holder = run if journal.disputed else journal
    if report.after <= holder.through and report.facts:
        holder.through = max(holder.through, report.facts[-1][0])
    return holder.through


def _stand(roll: Roll, gateway: UUID, report: Report, now_us: int, cloned: bool) -> None:
    before = roll.standing(gateway)
    standing = Standing(
        gateway_id=gateway, at_us=now_us, boot=report.boot.hex(), kernel=report.kernel,
        journal=report.journal, version=report.version, offset_us=report.utc_us - now_us,
        trust=report.trust, backlog=report.backlog, oldest_us=report.oldest_utc_us,
        journal_bytes=report.journal_bytes, disk_free_bytes=report.disk_free_bytes,
    )  # fmt: skip
    if before is not None:
        passed_s = (now_us - before.at_us) / 1e6
        # Reports that follow at once, as when facts are sent, say nothing about the pace.
        fresh = passed_s >= 10
        standing.pace = (before.backlog - report.backlog) / passed_s if fresh else before.pace
        standing.alarm, standing.alarm_us = before.alarm, before.alarm_us
        standing.alarm_text = before.alarm_text
    if cloned:
        standing.alarm, standing.alarm_text, standing.alarm_us = CLONE, CLONED, now_us
        note(gateway, CLONE, report.boot.hex(), CLONED, now_us)
    roll.stand(standing)
