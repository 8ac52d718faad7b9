"""A copy of all that is a person's, as a zip: `account.json`, and readings of their own sensors as
CSV. Digests and session keys are not in it.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterator
from typing import Any

import orjson
from django.db import models

from fieldstation.export.csv import csv_text
from fieldstation.hub import runtime
from fieldstation.hub.accounts.models import User
from fieldstation.hub.instruments.catalogue import all_instruments
from fieldstation.hub.sites.models import AuditEntry
from fieldstation.hub.stations.models import Gateway

SECRET = re.compile(r"hash|digest|password|session|token_made")
PIECE = 1 << 16
IN_MEMORY = 4 << 20


def pieces(user: User) -> Iterator[bytes]:
    """The zip, piece by piece."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("account.json", _json(belongings(user)))
            _readings(user, archive)
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece


def belongings(user: User) -> dict[str, Any]:
    """Every row of the hub's tables that points to this person, by table."""
    found: dict[str, Any] = {"account": _row(user)}
    for relation in User._meta.related_objects:
        model: Any = relation.related_model
        rows = model._base_manager.filter(**{relation.field.name: user})
        found.setdefault(model._meta.label_lower, []).extend(map(_row, rows))
    own = AuditEntry.objects.filter(user=user)
    found["sites.auditentry"] = [_row(entry) | {"at": entry.at} for entry in own]
    return found


def _row(row: models.Model) -> dict[str, Any]:
    kept = {
        field.name: field.value_from_object(row)
        for field in row._meta.concrete_fields
        if not isinstance(field, models.BinaryField) and not SECRET.search(field.name)
    }
    return kept | {"id": row.pk}


def _readings(user: User, archive: zipfile.ZipFile) -> None:
    store = runtime.running().store
    wanted = set(user.sensors.values_list("gateway_id", "instrument"))
    for one in all_instruments(store, Gateway.objects.filter(id__in={g for g, _ in wanted})):
        if (one.gateway.id, one.name) not in wanted:
            continue
        channels = list(one.entry.channels)
        names = [channel.name for channel in channels]
        walk = store.walk(one.entry.station, one.name, names, 0, 1 << 62)
        columns = ((c.times_us.tolist(), [c.values[n].tolist() for n in names]) for c in walk)
        filename = re.sub(r"[^A-Za-z0-9_-]+", "-", one.name).strip("-") or "sensor"
        with archive.open(f"readings/{one.gateway.slug}/{filename}.csv", "w") as file:
            for text in csv_text(channels, columns, unit_row=False):
                file.write(text.encode() if isinstance(text, str) else text)


def _json(words: dict[str, Any]) -> bytes:
    return orjson.dumps(words, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
