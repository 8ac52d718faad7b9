"""The old site as tests set it up on the running hub, and requests as its vectors write them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

SHARED = Path(__file__).parents[3] / "shared" / "vectors"
PASSWORD = "a long way to the sea"
STORES = {"bms", "tristar", "tristar_daily"}


def vectors() -> list[dict[str, Any]]:
    """The entries of the shared file about this contract; none where it is not at hand."""
    path = SHARED / "compatibility.json"
    if not path.exists():
        return []
    return [entry for entry in json.loads(path.read_text()) if entry["area"] == "A"]


@dataclass
class OldSite:
    """The state before a request, and what is stored after it."""

    client: httpx.Client
    users: dict[str, Any] = field(default_factory=dict)
    sensors: dict[tuple[str, str], Any] = field(default_factory=dict)

    def clear(self) -> None:
        """No documents, no sensors of people; routes open for posts, stores open for reads."""
        from fieldstation.hub.greenhouse import house
        from fieldstation.hub.greenhouse.models import Greenhouse, Kind
        from fieldstation.hub.sensors.models import Document, Sensor

        Greenhouse.objects.all().delete()
        house.set_up()
        for kind in Kind:
            sensor = house.store_of(kind)
            assert sensor is not None
            Document.objects.filter(sensor=sensor).delete()
            Sensor.objects.filter(pk=sensor.pk).update(
                legacy_posts=True, legacy_networks="", token_hash=None
            )

    def remove(self) -> None:
        """No old site any more, so that other tests meet the hub as it was."""
        from fieldstation.hub.greenhouse.models import Greenhouse
        from fieldstation.hub.sensors.models import Document, Sensor

        Greenhouse.objects.all().delete()
        names = [user.pk for user in self.users.values()]
        Document.objects.filter(sensor__owner__in=names).delete()
        Sensor.objects.filter(owner__in=names).delete()
        for user in self.users.values():
            user.delete()

    def user(self, name: str, password: str | None = None) -> Any:
        """An account of this name."""
        from fieldstation.hub.accounts.models import User

        if name not in self.users:
            self.users[name] = User.objects.create_user(name, password)
        return self.users[name]

    def sensor(self, owner: str, name: str, *, legacy: bool = False, public: bool = False) -> Any:
        """A sensor of this owner."""
        from fieldstation.hub.greenhouse import house
        from fieldstation.hub.greenhouse.models import OldSensor
        from fieldstation.hub.sensors.registration import new_sensor

        user = self.user(owner)
        made = new_sensor(user, house.own_site(user), name, legacy_posts=legacy)
        OldSensor.objects.create(sensor=made, public_reading=public)
        self.sensors[owner, name] = made
        return made

    def keep(self, sensor: Any, at: str, document: Any) -> None:
        """A document that arrived at this time."""
        from fieldstation.hub.sensors.intake import accept_blocking

        moment = datetime.fromisoformat(at.replace("Z", "+00:00"))
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        accept_blocking(sensor, body, True, at_us=int(moment.timestamp() * 1_000_000))

    def give(self, state: list[dict[str, Any]]) -> None:
        """The state that a vector asks for."""
        for each in state:
            if "user" in each:
                self.user(each["user"])
            elif "store" in each:
                document = _document(each)
                self.keep(self.place(each), each["received_at"], document)
            else:
                self.sensor(
                    each["owner"], each["sensor"],
                    legacy=each.get("legacy_post", False), public=each.get("public_read", False),
                )  # fmt: skip

    def place(self, told: dict[str, Any]) -> Any:
        """The sensor that a vector means."""
        from fieldstation.hub.greenhouse import house
        from fieldstation.hub.greenhouse.models import Kind

        if told["store"] in STORES:
            return house.store_of(Kind(told["store"]))
        return self.sensors[told["owner"], told["sensor"]]

    def documents(self, sensor: Any) -> list[Any]:
        """What is kept of a sensor: (UTC microseconds, document with its keys in order, marked)."""
        from fieldstation.hub.sensors.history import documents

        return [
            (kept.at_us, json.loads(kept.text, object_pairs_hook=list), kept.marked)
            for kept in documents(sensor, 0, 2**62, 100)
        ]

    def path(self, told: str) -> str:
        """The path with the numbers of sensors filled in."""

        def number(found: re.Match[str]) -> str:
            owner, _, name = found[1].partition("/")
            return str(self.sensors[owner, name].pk)

        return re.sub(r"\{sensor_id:([^}]*)\}", number, told)

    def ask(self, request: dict[str, Any], path: str | None = None) -> httpx.Response:
        """Send the very request."""
        return self.client.request(
            request["method"],
            path or self.path(request["path"]),
            headers=request.get("headers", {}),
            content=_body(request),
        )


def _document(told: dict[str, Any]) -> Any:
    if "document_file" in told:
        return (SHARED / told["document_file"]).read_bytes()
    return told["document"]


def _body(request: dict[str, Any]) -> bytes | None:
    if "body_json" in request:
        return json.dumps(request["body_json"]).encode()
    if "body_text" in request:
        return str(request["body_text"]).encode()
    if "body_file" in request:
        return (SHARED / request["body_file"]).read_bytes()
    if "body_generated" in request:
        size = request["body_generated"]["json_object_with_one_string_of_bytes"]
        return json.dumps({"text": "x" * size}).encode()
    return None


def ordered(told: dict[str, Any]) -> Any:
    """The document of an expectation, its keys in order."""
    if "document_file" in told:
        text = (SHARED / told["document_file"]).read_text()
        return json.loads(text, object_pairs_hook=lambda pairs: list(dict(pairs).items()))
    return json.loads(json.dumps(told["document"]), object_pairs_hook=list)


def plain(document: Any) -> Any:
    """Pairs as lists, however they were read."""
    if isinstance(document, tuple | list):
        return [plain(each) for each in document]
    return document
