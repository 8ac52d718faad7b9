"""Bringing the old site over: accounts, sensors, documents.

1. Doing it again changes nothing: accounts are known by name and address, sensors by their number,
   documents by sensor, time and content (test_importing_twice_brings_nothing_twice).
2. Passwords are not brought: everybody sets a new one by e-mail.
3. A name that belongs to somebody else here is left alone, with the sensors of its account.
4. Documents carry the mark of posts without a token; an instant that several rows of a table share
   is the start of the old program, and is marked as doubtful.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from fieldstation.errors import BadRequest, CodecError, FieldstationError
from fieldstation.hub.accounts.models import User
from fieldstation.hub.greenhouse import house
from fieldstation.hub.greenhouse.dates import us_of
from fieldstation.hub.greenhouse.models import DoubtfulTime, Kind, OldSensor
from fieldstation.hub.greenhouse.olddatabase import OldDatabase, OldRow, OldSensorRow, OldUser
from fieldstation.hub.greenhouse.parameters import kind_of
from fieldstation.hub.sensors import documents
from fieldstation.hub.sensors.filing import Filing
from fieldstation.hub.sensors.models import Document, Sensor
from fieldstation.hub.sensors.posts import Post
from fieldstation.hub.sensors.registration import LONGEST_NAME, new_sensor
from fieldstation.series.embedded import EmbeddedStore

_AT_ONCE = 100
_EMPTY = b"{}"
_NOTED = 20


@dataclass(slots=True)
class Brought:
    """What was, or in a dry run would be, brought; `known` was here before. `remarks` are sentences
    about what was left behind, the first of each kind.
    """

    accounts: int = 0
    known_accounts: int = 0
    sensors: int = 0
    known_sensors: int = 0
    documents: int = 0
    known_documents: int = 0
    doubtful: int = 0
    left: int = 0
    remarks: list[str] = field(default_factory=list)

    def leave(self, remark: str) -> None:
        """Count something that stays behind."""
        self.left += 1
        if len(self.remarks) < _NOTED:
            self.remarks.append(remark)


Place = Sensor | Kind
"""Where a document goes; a Kind stands for a store that a dry run did not make."""


class Import:
    """One import into the hub whose data folder is set up and which is not running."""

    def __init__(self, old: OldDatabase, series_file: Path, *, dry: bool) -> None:
        self._old = old
        self._series_file = series_file
        self._dry = dry
        self._users: dict[int | str, User] = {}
        self._sensors: dict[int, Sensor] = {}
        self._stores: dict[Kind, Place] = {kind: kind for kind in Kind}
        self._known: dict[int, Counter[bytes]] = {}
        self._waiting: list[Post] = []
        self._doubts: set[tuple[int, int]] = set()
        self.brought = Brought()

    def run(self, progress: Callable[[int], None]) -> Brought:
        """Bring everything; `progress` is told how many documents are done. Raises BadRequest,
        StoreError.
        """
        if not self._dry:
            house.set_up(posts=True)
        for kind in Kind:
            self._stores[kind] = house.store_of(kind) or kind
        for user in self._old.users():
            self._account(user)
        for row in self._old.sensors():
            self._sensor(row)
        if self._dry:
            self._documents(None, progress)
            return self.brought
        store = EmbeddedStore(self._series_file)
        try:
            self._documents(Filing(store), progress)
        finally:
            store.close()
        return self.brought

    def _account(self, old: OldUser) -> None:
        name, email = old.name.strip(), _address(old.email)
        known = User.objects.filter(username__iexact=name).first()
        if known is not None and (known.username != name or known.email.lower() != email.lower()):
            self.brought.leave(f"account {name!r}: another person here has this name")
            return
        if known is not None:
            self.brought.known_accounts += 1
        else:
            known = User(username=name, email=email)
            known.set_unusable_password()
            try:
                known.full_clean(exclude=["password"])
            except ValidationError as error:
                self.brought.leave(f"account {name!r}: {' '.join(error.messages)}")
                return
            if not self._dry:
                known.save()
            self.brought.accounts += 1
        self._users[old.number] = self._users[name] = known

    def _sensor(self, old: OldSensorRow) -> None:
        kept = OldSensor.objects.filter(number=old.number).select_related("sensor").first()
        if kept is not None:
            self.brought.known_sensors += 1
            self._sensors[old.number] = kept.sensor
            return
        owner = self._users.get(old.owner)
        if owner is None:
            self.brought.leave(f"sensor {old.name!r} ({old.number}): its owner was not brought")
            return
        self.brought.sensors += 1
        if self._dry:
            self._sensors[old.number] = Sensor(name=old.name, owner=owner)
            return
        made = new_sensor(
            owner, house.own_site(owner), self._free_name(owner, old), kind=_words(old.kind),
            description=_words(f"Units: {old.units}") if old.units.strip() else "",
            legacy_posts=True,
        )  # fmt: skip
        if not Sensor.objects.filter(pk=old.number).exists():
            Sensor.objects.filter(pk=made.pk).update(id=old.number)
            made = Sensor.objects.get(pk=old.number)
        OldSensor.objects.create(sensor=made, number=old.number, public_reading=True)
        self._sensors[old.number] = made

    def _free_name(self, owner: User, old: OldSensorRow) -> str:
        clean = "".join(each for each in old.name if each.isprintable()).replace("/", "-").strip()
        name = clean[: LONGEST_NAME - 24] or f"sensor {old.number}"
        taken = owner.sensors.filter(deleted_at=None, name=name).exists()
        return f"{name} ({old.number})" if taken else name

    def _documents(self, filing: Filing | None, progress: Callable[[int], None]) -> None:
        for done, row in enumerate(self._old.rows(), start=1):
            self._row(row)
            if len(self._waiting) >= _AT_ONCE:
                self._keep(filing)
                progress(done)
        self._keep(filing)

    def _row(self, row: OldRow) -> None:
        try:
            posted = documents.one(row.body)
            at_us = _instant(row.date)
            place = self._place(row, posted)
        except (CodecError, BadRequest) as error:
            self.brought.leave(f"document {row.number}: {error}")
            return
        if isinstance(place, Sensor) and place.pk is not None:
            known = self._known_of(place)
            mark = _mark(at_us, posted.text)
            if known[mark]:
                known[mark] -= 1
                self.brought.known_documents += 1
                return
            if row.doubtful:
                self._doubts.add((place.pk, at_us))
            self._waiting.append(
                Post(posted.text, place.pk, trusted=True, marked=True, at_us=at_us)
            )
        else:
            self.brought.documents += 1
        self.brought.doubtful += row.doubtful

    def _place(self, row: OldRow, posted: documents.Posted) -> Place:
        """Where the document goes. Raises BadRequest."""
        if posted.text == _EMPTY:
            raise BadRequest("it is empty; the old site lost what was posted")
        if row.sensor is not None:
            if row.sensor not in self._sensors:
                raise BadRequest(f"its sensor {row.sensor} was not brought")
            return self._sensors[row.sensor]
        kind = kind_of(posted.content)
        if kind is None:
            raise BadRequest("it is neither of the battery nor of the charge controller")
        return self._stores[Kind(kind)]

    def _known_of(self, sensor: Sensor) -> Counter[bytes]:
        if sensor.pk not in self._known:
            rows = Document.objects.filter(sensor=sensor).select_related("sample").iterator(500)
            self._known[sensor.pk] = Counter(
                _mark(
                    kept.at_us,
                    documents.unpacked(
                        bytes(kept.body), bytes(kept.sample.body) if kept.sample else b""
                    ),
                )
                for kept in rows
            )
        return self._known[sensor.pk]

    def _keep(self, filing: Filing | None) -> None:
        posts, self._waiting = self._waiting, []
        doubts, self._doubts = self._doubts, set()
        if filing is None:
            self.brought.documents += len(posts)
            return
        DoubtfulTime.objects.bulk_create(
            [DoubtfulTime(sensor_id=sensor, at_us=at_us) for sensor, at_us in doubts],
            ignore_conflicts=True,
        )
        for verdict in filing.keep(posts) if posts else []:
            if isinstance(verdict, FieldstationError):
                self.brought.leave(f"a document: {verdict}")
            else:
                self.brought.documents += 1


def bring(
    path: Path, series_file: Path, *, dry: bool, progress: Callable[[int, int], None]
) -> Brought:
    """Bring the old site in the file over; `progress` is told documents done and in all. Raises
    BadRequest, StoreError.
    """
    with OldDatabase(path) as old:
        total = old.count()
        return Import(old, series_file, dry=dry).run(lambda done: progress(done, total))


def _instant(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(f"its time {text[:40]!r} is none") from error
    at_us = us_of(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    if at_us < 0:
        raise BadRequest(f"its time {text[:40]!r} lies before 1970")
    return at_us


def _address(text: str) -> str:
    try:
        validate_email(text.strip())
    except ValidationError:
        return ""
    return text.strip()


def _words(text: str) -> str:
    return "".join(each for each in text if each.isprintable())[:80].strip()


def _mark(at_us: int, text: bytes) -> bytes:
    return hashlib.blake2b(b"%d " % at_us + text, digest_size=12).digest()
