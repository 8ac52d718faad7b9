"""The rows of those gateways that a group of reports speaks for: read at once, changed in memory,
written at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db.models import Max, Model

from fieldstation.batch.report import Report
from fieldstation.hub.ledger.models import Journal, Run, Standing


class Roll:
    """Inside one transaction of the caller's."""

    def __init__(self, told: Collection[tuple[UUID, Report]]) -> None:
        gateways = {gateway for gateway, _ in told}
        journals = Journal.objects.filter(
            gateway__in=gateways, identity__in={report.journal for _, report in told}
        )
        runs = Run.objects.filter(gateway__in=gateways)
        mine = runs.filter(boot__in={report.boot.hex() for _, report in told})
        newest = runs.values_list("gateway").annotate(Max("place")).order_by()
        self._journals = {(row.gateway_id, row.identity): row for row in journals}
        self._runs = {(row.gateway_id, row.boot): row for row in mine}
        self._newest: dict[UUID, int] = dict(newest)
        self._standings: dict[UUID, Standing] = Standing.objects.in_bulk(gateways)

    def journal(self, gateway: UUID, identity: str) -> Journal:
        """The journal that a gateway reports from."""
        if (gateway, identity) not in self._journals:
            self._journals[gateway, identity] = Journal(gateway_id=gateway, identity=identity)
        return self._journals[gateway, identity]

    def run(self, gateway: UUID, report: Report, now_us: int) -> Run:
        """The run that reports; a new one takes the next place."""
        boot = report.boot.hex()
        run = self._runs.get((gateway, boot))
        if run is None:
            self._newest[gateway] = place = self._newest.get(gateway, 0) + 1
            run = Run(gateway_id=gateway, boot=boot, place=place, first_us=now_us, mono_us=-1)
            self._runs[gateway, boot] = run
        run.kernel, run.version, run.last_us = report.kernel, report.version, now_us
        return run

    def followed(self, run: Run) -> bool:
        """Whether another run first reported after this one."""
        return self._newest[run.gateway_id] > run.place

    def standing(self, gateway: UUID) -> Standing | None:
        """The gateway's last report."""
        return self._standings.get(gateway)

    def stand(self, standing: Standing) -> None:
        """The gateway's last report is this one now."""
        self._standings[standing.gateway_id] = standing

    def save(self) -> None:
        """Write all rows."""
        _write(Journal, ("gateway", "identity"), self._journals.values())
        _write(Run, ("gateway", "boot"), self._runs.values())
        _write(Standing, ("gateway",), self._standings.values())


def _write(table: Any, key: tuple[str, ...], rows: Iterable[Model]) -> None:
    kept, made = {"id", *key}, list(rows)
    if table._meta.pk.name not in key:
        # A row is found by its key alone: no database looks at two for one conflict.
        for row in made:
            row.pk = None
    others = [field.name for field in table._meta.concrete_fields if field.name not in kept]
    table.objects.bulk_create(
        made, update_conflicts=True, unique_fields=list(key), update_fields=others
    )
