"""Taking in reports: one transaction for each, one after the other.

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
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import Max
from django.utils import timezone

from fieldstation.batch.report import MOST_SPANS, Answer, Report, Span
from fieldstation.errors import CodecError, FieldstationError, KeyRejected, StoreUnavailable
from fieldstation.hub.ingest.desk import REJECTED
from fieldstation.hub.ledger.facts import keep, note
from fieldstation.hub.ledger.models import Journal, Refusal, Run, Standing
from fieldstation.hub.stations import keys
from fieldstation.hub.threads import Threads
from fieldstation.series.api import SeriesStore

CLONE = "clone"
CLONED = (
    "Two stations report with the key of this gateway; nothing is overwritten. Give one of them a "
    "key of its own."
)
# So many stations may wait at once, each with a report that is small as a rule.
MOST_WAITING = 2_000
MOST_WAITING_BYTES = 64 << 20

Verdict = Answer | FieldstationError


class ReportDesk:
    """Takes (key, body) on the event loop, works in one thread of its own."""

    def __init__(self, store: SeriesStore) -> None:
        self._store = store
        self._thread = Threads("report-desk", 1)
        self._waiting = self._bytes = 0

    async def submit(self, key: str, body: bytes) -> Verdict:
        """The answer to one report. Raises StoreUnavailable when too much waits already."""
        if self._waiting >= MOST_WAITING or self._bytes + len(body) > MOST_WAITING_BYTES:
            raise StoreUnavailable("The hub is busy; report again later.")
        self._waiting += 1
        self._bytes += len(body)
        try:
            return await self._thread.run(self._judge, key, body)
        finally:
            self._waiting -= 1
            self._bytes -= len(body)

    def _judge(self, key: str, body: bytes) -> Verdict:
        digest = keys.key_hash(key)
        try:
            gateway = keys.holders([digest]).get(digest)
            if gateway is None:
                return KeyRejected(REJECTED)
            return take(self._store, gateway, Report.from_json(body), time.time_ns() // 1000)
        except CodecError as error:
            return error
        except DatabaseError as error:
            raise StoreUnavailable("The hub cannot write what was reported now.") from error

    def close(self) -> None:
        """Answer what waits, then end."""
        self._thread.close()


def take(store: SeriesStore, station: str, report: Report, now_us: int) -> Answer:
    """Store a report of the gateway with this id; durable when it returns. Raises DatabaseError."""
    gateway = UUID(station)
    missing = _missing(store, gateway, report)
    with transaction.atomic():
        senseless = keep(gateway, report.journal, report.facts, now_us)
        if senseless:
            text = f"{len(senseless)} facts make no sense, the first is {senseless[0][1]}"
            note(gateway, "refused", report.boot.hex(), text, now_us)
        journal, _ = Journal.objects.get_or_create(gateway_id=gateway, identity=report.journal)
        run = _run(gateway, report, now_us)
        cloned = _minded(run, journal, report)
        through = _through(journal, run, report)
        run.save()
        journal.save(update_fields=["through", "disputed"])
        _stand(gateway, report, now_us, cloned)
        keys.seen([station], timezone.now())
    return Answer(now_us, through, missing)


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


def _run(gateway: UUID, report: Report, now_us: int) -> Run:
    run = Run.objects.filter(gateway_id=gateway, boot=report.boot.hex()).first()
    if run is None:
        last = Run.objects.filter(gateway_id=gateway).aggregate(last=Max("place"))["last"]
        run = Run(
            gateway_id=gateway, boot=report.boot.hex(), place=(last or 0) + 1,
            first_us=now_us, mono_us=-1,
        )  # fmt: skip
    run.kernel, run.version, run.last_us = report.kernel, report.version, now_us
    return run


def _minded(run: Run, journal: Journal, report: Report) -> bool:
    """Rule 3; whether this report shows that there are two stations."""
    news, run.mono_us = report.mono_us > run.mono_us, max(report.mono_us, run.mono_us)
    followed = Run.objects.filter(gateway_id=run.gateway_id, place__gt=run.place).exists()
    run.late += news and followed
    if run.late < 2:
        return False
    journal.disputed = True
    return news


def _through(journal: Journal, run: Run, report: Report) -> int:
    """Rule 2: how far the facts are here, told of the journal or, when disputed, of the run."""
    holder = run if journal.disputed else journal
    if report.after <= holder.through and report.facts:
        holder.through = max(holder.through, report.facts[-1][0])
    return holder.through


def _stand(gateway: UUID, report: Report, now_us: int, cloned: bool) -> None:
    before = Standing.objects.filter(gateway_id=gateway).first()
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
    standing.save()
