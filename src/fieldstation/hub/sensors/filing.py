"""Keeping a group of posts: documents first, then their readings.

1. Documents of a group are one transaction of the hub's database, and the readings in it follow
   into the series store at once. What a kill leaves between the two is made up for at the next
   start, from the documents (test_readings_follow_their_documents_after_a_kill).
2. While the series store takes nothing, no group is taken: at most one group's readings are owed.
3. Sequences are counted for each gateway and run of the hub without gaps; the next one is known
   only after the commit.
4. A post with an Idempotency-Key that was used is answered as before and kept once
   (test_a_repeated_key_is_stored_once).
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from fieldstation.errors import CodecError, FieldstationError, StoreError, StoreUnavailable
from fieldstation.hub.sensors import documents
from fieldstation.hub.sensors.limits import LIMITS
from fieldstation.hub.sensors.models import Document, Erasure, PostKey, Run, Sample
from fieldstation.hub.sensors.moments import moment_us
from fieldstation.hub.sensors.posts import KeyReused, Post, Taken, TooManyPosts
from fieldstation.hub.sensors.quota import Quota
from fieldstation.hub.sensors.senders import Registered, claims
from fieldstation.hub.sensors.series import Row, Series
from fieldstation.hub.sensors.shapes import Shape, Shapes
from fieldstation.series.api import SeriesStore

_log = logging.getLogger(__name__)

Verdict = Taken | FieldstationError
_RECOVERED_AT_ONCE = 1_000
# Bare SQL: an object for each row, made and taken apart again, would double the cost of a post.
_KEEP = """
    INSERT INTO sensors_document
        (sensor_id, at_us, received_us, run_id, sequence, sample_id, marked, body)
    VALUES {}
"""
_ONE = "(%s, %s, %s, %s, %s, %s, %s, %s)"
# Many rows in a statement, as the event loop may take its turn at each; databases limit values.
_ROWS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _Filed:
    """A document on its way into its table."""

    sensor: int
    at_us: int
    sequence: int
    sample: Sample | None
    marked: bool
    body: bytes


@dataclass(slots=True)
class _Group:
    """What one transaction writes, and what memory takes over once it is committed."""

    now_us: int
    documents: list[_Filed] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    keys: dict[tuple[int, str], tuple[bytes, Taken]] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)


class Filing:
    """Keeps posts in documents and series. One thread at a time."""

    def __init__(self, store: SeriesStore) -> None:
        self._series = Series(store)
        self._shapes = Shapes()
        self._quota = Quota()
        self._sequences: dict[str, int] = {}
        self._run: Run | None = None
        self._owed: list[Row] = []
        self._touched: set[str] = set()

    def touched(self) -> set[str]:
        """The gateways with new readings since the last call."""
        touched, self._touched = self._touched, set()
        return touched

    def forget(self, sensor: int) -> None:
        """Read what is known of the sensor's channels again."""
        self._shapes.forget(sensor)

    def keep(self, posts: Sequence[Post]) -> list[Verdict]:
        """Keep what may be kept, and the verdict on each post. Raises StoreError when nothing could
        be kept at all.
        """
        self._settle()
        with ExitStack() as undo:
            undo.callback(self._shapes.clear)
            try:
                verdicts, group = self._commit(posts)
            except DatabaseError as error:
                raise StoreUnavailable("The hub cannot keep documents at the moment.") from error
            undo.pop_all()
        self._sequences |= group.sequences
        self._owed = group.rows
        try:
            self._settle()
        except StoreError as error:
            # The documents are durable, and so the post is taken; its readings follow.
            _log.warning("readings of sensors are owed: %s", error)
        return verdicts

    def _settle(self) -> None:
        if self._owed:
            self._series.store(self._owed)
            self._touched |= {row.gateway for row in self._owed}
            self._owed = []

    def _commit(self, posts: Sequence[Post]) -> tuple[list[Verdict], _Group]:
        group = _Group(time.time_ns() // 1000, sequences=dict(self._sequences))
        with transaction.atomic():
            # The run is a row of its own transaction's past only when it is committed with it.
            run = self._this_run()
            used = _used_keys(posts)
            verdicts = [
                claim
                if isinstance(claim, FieldstationError)
                else self._one(group, run, used, post, *claim)
                for post, claim in zip(posts, claims(posts), strict=True)
            ]
            self._write(group, run)
        self._run = run
        return verdicts, group

    def _write(self, group: _Group, run: Run) -> None:
        if not group.documents:
            return
        samples = [each.sample for each in group.documents if each.sample is not None]
        self._shapes.save({each.sensor for each in group.documents}, samples)
        rows = [_row_of(each, group.now_us, run) for each in group.documents]
        with connection.cursor() as cursor:
            for at in range(0, len(rows), _ROWS_AT_ONCE):
                piece = rows[at : at + _ROWS_AT_ONCE]
                values: list[Any] = [value for row in piece for value in row]
                cursor.execute(_KEEP.format(", ".join([_ONE] * len(piece))), values)
        if group.keys:
            PostKey.objects.bulk_create(
                PostKey(sensor_id=sensor, key=key, digest=digest, answer=_answer(taken))
                for (sensor, key), (digest, taken) in group.keys.items()
            )

    def _one(
        self,
        group: _Group,
        run: Run,
        used: dict[tuple[int, str], PostKey],
        post: Post,
        sensor: Registered,
        marked: bool,
    ) -> Verdict:
        """Prepare one post; a fault is its own."""
        place = (sensor.number, post.key)
        digest = hashlib.blake2b(post.body, digest_size=16).digest() if post.key else b""
        if post.key and (known := _known(place, digest, used, group)) is not None:
            return known
        if not post.trusted and (wait_s := self._quota.wait_s(sensor.number)):
            return TooManyPosts(wait_s)
        try:
            found = _documents(post)
            times = [_time(post, each, group.now_us) for each in found]
        except CodecError as error:
            return error
        ignored: dict[str, None] = {}
        shape = self._shapes.of(sensor.number)
        for each, (at_us, skip) in zip(found, times, strict=True):
            ignored |= dict.fromkeys(
                self._document(group, run, sensor, shape, each, at_us, skip, marked)
            )
        last_us = max(at for at, _ in times)
        taken = Taken(sensor.number, len(found), last_us, marked, ignored=tuple(ignored)[:20])
        if post.key:
            group.keys[place] = (digest, taken)
        return taken

    def _document(
        self, group: _Group, run: Run, sensor: Registered, shape: Shape,
        posted: documents.Posted, at_us: int, skip: str, marked: bool,
    ) -> list[str]:  # fmt: skip
        """Prepare one document; the paths that become no series."""
        values, ignored = shape.table.fit(posted.content, skip)
        sequence, gateway = 0, sensor.gateway
        if values and shape.table.layout is not None:
            sequence = group.sequences[gateway] = group.sequences.get(gateway, 0) + 1
            group.rows.append(
                Row(
                    gateway, sensor.instrument, shape.table.layout, bytes(run.boot), sequence,
                    at_us, values,
                )
            )  # fmt: skip
        shape.illustrate(posted.text)
        packed = documents.packed(posted.text, shape.text)
        group.documents.append(_Filed(sensor.number, at_us, sequence, shape.sample, marked, packed))
        return ignored

    def _this_run(self) -> Run:
        return self._run or Run.objects.create(boot=os.urandom(16))

    # --- once in a while ---

    def recover(self) -> None:
        """Store readings whose documents were kept but which the series store never got. Only the
        last group of a run can lack any, so looking back ends where a whole page is there.
        """
        try:
            last = None
            while page := self._page(last):
                last = page[-1].pk
                missing = self._series.absent([self._row(each) for each in page])
                if not missing:
                    break
                self._series.store(sorted(missing, key=lambda row: (row.boot, row.sequence)))
                _log.warning("%d readings of sensors were made up for", len(missing))
            self.tidy()
        except (DatabaseError, StoreError) as error:
            _log.warning("readings of sensors could not be looked through: %s", error)

    def _page(self, before: int | None) -> list[Document]:
        found = Document.objects.exclude(sequence=0).select_related("sensor", "run", "sample")
        if before is not None:
            found = found.filter(pk__lt=before)
        return list(found.order_by("-pk")[:_RECOVERED_AT_ONCE])

    def _row(self, kept: Document) -> Row:
        text = documents.unpacked(bytes(kept.body), bytes(kept.sample.body) if kept.sample else b"")
        table = self._shapes.of(kept.sensor_id).table
        values, _ = table.fit(documents.one(text).content, grow=False)
        return Row(
            kept.sensor.gateway_id.hex, kept.sensor.instrument, table.layout,
            bytes(kept.run.boot), kept.sequence, kept.at_us, values,
        )  # fmt: skip

    def tidy(self) -> None:
        """Forget old keys, and the documents whose deletion can no longer be undone."""
        now = timezone.now()
        PostKey.objects.filter(at__lt=now - timedelta(days=LIMITS.keys_days)).delete()
        over = now - timedelta(days=LIMITS.undo_days)
        for erasure in Erasure.objects.filter(final=False, made__lt=over):
            Document.objects.filter(
                sensor_id=erasure.sensor_id,
                at_us__gte=erasure.start_us,
                at_us__lt=erasure.end_us,
                received_us__lte=int(erasure.made.timestamp() * 1_000_000),
            ).delete()
            erasure.final = True
            erasure.save(update_fields=["final"])
        Document.objects.filter(sensor__deleted_at__lt=over).delete()


def _row_of(each: _Filed, received_us: int, run: Run) -> tuple[object, ...]:
    sample = each.sample.pk if each.sample is not None else None
    return (
        each.sensor, each.at_us, received_us, run.pk, each.sequence, sample, each.marked, each.body
    )  # fmt: skip


def _documents(post: Post) -> list[documents.Posted]:
    if post.several:
        return documents.several(post.body, lines=post.lines)
    return [documents.one(post.body)]


def _time(post: Post, posted: documents.Posted, now_us: int) -> tuple[int, str]:
    """The document's time, and the path that gave it."""
    if post.at_us is not None:
        return post.at_us, ""
    if post.own_time and posted.content.get("time") is not None:
        return moment_us(posted.content["time"], now_us), "time"
    return (moment_us(post.at, now_us) if post.at else now_us), ""


def _used_keys(posts: Sequence[Post]) -> dict[tuple[int, str], PostKey]:
    keyed = [post for post in posts if post.key]
    if not keyed:
        return {}
    found = PostKey.objects.filter(
        key__in={post.key for post in keyed}, sensor__in={post.sensor for post in keyed}
    )
    return {(row.sensor_id, row.key): row for row in found}


def _known(
    place: tuple[int, str], digest: bytes, used: dict[tuple[int, str], PostKey], group: _Group
) -> Verdict | None:
    """The verdict on a post whose key was used."""
    if place in used:
        row = used[place]
        before, taken = bytes(row.digest), Taken(**(row.answer | {"ignored": ()}))
        taken = replace(taken, ignored=tuple(row.answer["ignored"]))
    elif place in group.keys:
        before, taken = group.keys[place]
    else:
        return None
    if before != digest:
        return KeyReused("This Idempotency-Key was used for another body; take a new one.")
    return replace(taken, repeated=True)


def _answer(taken: Taken) -> dict[str, object]:
    return {
        "sensor": taken.sensor,
        "stored": taken.stored,
        "last_us": taken.last_us,
        "marked": taken.marked,
        "ignored": list(taken.ignored),
    }
