"""What a gateway's page and API say of its station's runs, and the end of an alarm."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from fieldstation.batch.facts import Event, Fact
from fieldstation.batch.report import MEDIA_TYPE, PATH, Report

UTC_US = 1_790_000_000_000_000


@dataclass
class Machine:
    """A run after the other of a station's program."""

    station: Any
    boot: bytes = field(default_factory=lambda: os.urandom(16))
    kernel: str = "k1"
    mono_us: int = 0
    revision: int = 0

    def say(self, *facts: Fact) -> None:
        """A report of the present run."""
        self.mono_us += 60_000_000
        told = Report(
            "9f3c21aa04b7d510", self.boot, self.kernel, "0.4", UTC_US, self.mono_us, 1,
            after=self.revision, facts=tuple(enumerate(facts, self.revision + 1)),
        )  # fmt: skip
        self.revision += len(facts)
        headers = {"Authorization": f"Bearer {self.station.key}", "Content-Type": MEDIA_TYPE}
        body = json.dumps(told.as_json())
        answer = self.station.client.post(PATH, content=body, headers=headers)
        assert answer.status_code == 200, answer.text

    def start(self, kernel: str) -> None:
        """Another run."""
        self.boot, self.kernel = os.urandom(16), kernel
        self.say()


@pytest.fixture
def machine(station: Any) -> Machine:
    return Machine(station)


def slug(station: Any) -> str:
    from fieldstation.hub.stations.models import Gateway

    found: str = Gateway.objects.get(name=station.name).slug
    return found


def test_runs_say_how_they_ended(machine: Machine, person: httpx.Client) -> None:
    machine.say(Event(machine.boot, 1, UTC_US, 1, "stopped", "the station was told to stop"))
    machine.start("k1")
    machine.start("k2")
    machine.start("k2")
    at = slug(machine.station)
    runs = person.get(f"/api/v1/gateways/{at}").json()["history"]
    assert [run["ending"] for run in runs] == ["", "crashed", "went_down", "stopped"]
    page = person.get(f"/gateways/{at}").text
    words = ("runs", "crashed or was killed", "the machine went down", "was stopped")
    places = [page.find(f'<span class="how">{word}') for word in words]
    assert -1 < places[0] < places[1] < places[2] < places[3]


def test_an_ended_alarm_stays_ended_until_two_report_again(
    machine: Machine, person: httpx.Client, hub: Any
) -> None:
    from fieldstation.hub.sites.models import AuditEntry

    other = Machine(machine.station)
    for each in (machine, other, machine, machine):
        each.say()
    at = slug(machine.station)
    assert person.get(f"/api/v1/gateways/{at}").json()["alarm"]["code"] == "clone"
    token = {"X-CSRFToken": person.cookies["csrf"], "Referer": str(person.base_url)}
    for _ in range(2):
        answer = person.post(f"/gateways/{at}/one-machine", headers=token)
        assert answer.status_code in (200, 302), answer.text
    notes = AuditEntry.objects.filter(what="gateway.alarm-ended", thing=machine.station.name)
    assert notes.count() == 1
    machine.say()
    other.say()
    assert person.get(f"/api/v1/gateways/{at}").json()["alarm"] is None
    machine.say()
    assert person.get(f"/api/v1/gateways/{at}").json()["alarm"]["code"] == "clone"
