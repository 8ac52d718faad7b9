"""Sensors of people's own: posts become documents and series."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest


@dataclass
class Sensor:
    """A sensor as its sender knows it, and as the hub does."""

    client: httpx.Client
    id: int
    token: str
    gateway: str
    instrument: str

    @property
    def path(self) -> str:
        return f"/api/v1/sensors/{self.id}/readings"

    @property
    def hub(self) -> Any:
        from fieldstation.hub.sensors.models import Sensor as Row

        return Row.objects.select_related("gateway", "owner").get(pk=self.id)

    def post(self, document: Any, query: str = "", **headers: str) -> httpx.Response:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        usual = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.client.post(self.path + query, content=body, headers=usual | sent)

    def send(self, document: Any, query: str = "", **headers: str) -> dict[str, Any]:
        answer = self.post(document, query, **headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def latest(self) -> dict[str, Any]:
        from fieldstation.hub import runtime

        return dict(runtime.running().store.latest(self.gateway, self.instrument).values)

    def column(self, channel: str) -> list[Any]:
        from fieldstation.hub import runtime

        read = runtime.running().store.read(
            self.gateway, self.instrument, [channel], 0, 2_000_000_000_000_000
        )
        return list(read.values[channel])

    def kept(self) -> list[bytes]:
        from fieldstation.hub.sensors import history

        return [each.text for each in history.documents(self.hub, 0, 2**53, 1000)]


@pytest.fixture
def owner(name: str) -> Any:
    from fieldstation.hub.accounts.models import User
    from fieldstation.hub.sites.models import Membership, Role, Site

    user = User.objects.get(username=name)
    unique = f"farm-{secrets.token_hex(4)}"
    site = Site.objects.create(name=unique, slug=unique)
    Membership.objects.create(site=site, user=user, role=Role.EDITOR)
    return user


@pytest.fixture
def new_sensor(hub: Any, owner: Any) -> Iterator[Callable[..., Sensor]]:
    from fieldstation.hub.sensors import registration, tokens
    from fieldstation.hub.sites.models import Site

    site = Site.objects.get(memberships__user=owner, name__startswith="farm-")
    with hub.client() as client:

        def make(called: str = "VEML7700", **more: Any) -> Sensor:
            made = registration.new_sensor(owner, site, called, **more)
            token = tokens.renew(made)
            return Sensor(client, made.pk, token, made.gateway_id.hex, made.instrument)

        yield make


@pytest.fixture
def sensor(new_sensor: Callable[..., Sensor]) -> Sensor:
    return new_sensor(units={"temperature": "°C"})


def test_numeric_leaves_become_series(sensor: Sensor) -> None:
    sensor.send({"temperature": 21.5, "air": {"Relative Humidity": 40}, "ok": True, "note": "hi"})
    assert sensor.latest() == {
        "temperature": 21.5, "air_relative_humidity": 40, "ok": True, "note": "hi",
    }  # fmt: skip


def test_a_sensor_is_an_instrument_of_the_api(sensor: Sensor, person: httpx.Client) -> None:
    sensor.send({"temperature": 21.5})
    hub = sensor.hub
    address = f"/api/v1/instruments/{hub.gateway.slug}/{sensor.instrument}"
    facts = person.get(address).json()
    assert [(c["name"], c.get("unit")) for c in facts["channels"]] == [("temperature", "°C")]
    assert person.get(f"{address}/latest").json()["values"] == {"temperature": 21.5}


@pytest.mark.parametrize(
    ("posted", "kept"),
    [
        (b'{"b": 1.50, "a":{"z":1,"y":2}}', b'{"b": 1.50, "a":{"z":1,"y":2}}'),
        (b' \n{"b":NaN,"a":[-Infinity, 1e999]}', b'{"b": null, "a": [null, null]}'),
        (b'{"a":1,"b":2,"a":3}', b'{"a": 3, "b": 2}'),
        ('{"größe": "ü\U0001f600"}'.encode(), '{"größe": "ü\U0001f600"}'.encode()),
        (b'{"half": "\\ud800"}', b'{"half": "\\ud800"}'),
        (b'{"half": "\\ud800", "n": NaN}', b'{"half": "\\ud800", "n": null}'),
        (b"{}", b"{}"),
        (b'{"n": ' + b"9" * 300 + b"}", b'{"n": ' + b"9" * 300 + b"}"),
    ],
)
def test_a_document_is_kept_as_posted(sensor: Sensor, posted: bytes, kept: bytes) -> None:
    sensor.send(posted)
    assert sensor.kept() == [kept]


@pytest.mark.parametrize(
    "posted",
    [b"", b"[1]", b"7", b"null", b'"x"', b"{", b'{"a":1}x', b"[{}", b"[{},]", b"[]", b"\xff",
     b"[" * 60_000, b'{"a":' * 40 + b"1" + b"}" * 40],
)  # fmt: skip
def test_what_is_no_document_is_refused_with_a_sentence(sensor: Sensor, posted: bytes) -> None:
    answer = sensor.post(posted)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "bad-document"
    assert answer.headers["content-type"] == "application/problem+json"
    assert sensor.kept() == []


def test_a_changed_shape_follows_its_channels(sensor: Sensor) -> None:
    sensor.send({"a": 1, "word": "x"}, "?at=2026-01-01T00:00:00Z")
    sensor.send({"b": 5, "a": "2"}, "?at=2026-01-01T00:00:01Z")
    sensor.send({"a": "broken", "word": 7}, "?at=2026-01-01T00:00:02Z")
    assert [None if x != x else x for x in sensor.column("a")] == [1, 2, None]
    assert sensor.column("word") == ["x", None, "7"]
    assert sensor.column("b")[0] == 5


@pytest.mark.parametrize("word", ["unit", "units"])
def test_values_with_their_unit_are_one_channel(sensor: Sensor, word: str) -> None:
    from fieldstation.hub import runtime

    sensor.send({"Current": {"total voltage": {"value": 51.2, word: "V"}}})
    (entry,) = [
        each
        for each in runtime.running().store.catalogue(sensor.gateway)
        if each.name == sensor.instrument
    ]
    assert [(c.name, c.unit) for c in entry.channels] == [("current_total_voltage", "V")]


def test_hostile_paths_become_plain_names(sensor: Sensor) -> None:
    hostile = ["<script>", "'; DROP TABLE x;--", "\u202eabc", "é", "e", "", "a" * 400, "1", "名"]
    sensor.send(dict.fromkeys(hostile, 1))
    names = list(sensor.latest())
    assert len(set(names)) == len(names) >= 6
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") for name in names)


def test_posts_have_their_own_times_and_late_ones_land_in_place(sensor: Sensor) -> None:
    sensor.send([{"time": 1_767_225_602, "n": 3}, {"time": "2026-01-01T00:00:00Z", "n": 1}])
    sensor.send({"n": 2}, "?at=2026-01-01T01:00:01%2B01:00")
    assert sensor.column("n") == [1, 2, 3]
    assert set(sensor.latest()) == {"n"}


def test_lines_of_documents_are_a_batch(sensor: Sensor) -> None:
    body = b'{"time": 1767225600, "n": 1}\n\n{"time": 1767225601, "n": 2}\n'
    assert sensor.send(body, Content_Type="application/x-ndjson")["stored"] == 2
    assert sensor.column("n") == [1, 2]


@pytest.mark.parametrize("at", ["noon", "2199-01-01T00:00:00Z", "-5", "1e30", "true"])
def test_a_time_that_is_none_is_refused(sensor: Sensor, at: str) -> None:
    answer = sensor.post({"n": 1}, f"?at={at}")
    assert (answer.status_code, answer.json()["reason"]) == (422, "bad_time")
    assert sensor.kept() == []


def test_a_repeated_key_is_stored_once(sensor: Sensor) -> None:
    first = sensor.send({"n": 1}, Idempotency_Key="k-1")
    again = sensor.send({"n": 1}, Idempotency_Key="k-1")
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert again["last"] == first["last"]
    assert sensor.post({"n": 2}, Idempotency_Key="k-1").json()["code"] == "key-reused"
    sensor.send({"n": 2}, Idempotency_Key="k-2")
    assert sensor.column("n") == [1, 2]


def test_two_sensors_do_not_share_keys(new_sensor: Callable[..., Sensor]) -> None:
    for one in (new_sensor("one"), new_sensor("two")):
        assert one.send({"n": 1}, Idempotency_Key="same")["repeated"] is False


def test_only_the_present_token_lets_in(sensor: Sensor, new_sensor: Callable[..., Sensor]) -> None:
    from fieldstation.hub.sensors import tokens

    other = new_sensor("other")
    for wrong in (
        "",
        "Bearer",
        "Basic x",
        "Bearer fsn_x",
        f"Bearer {other.token}",
    ):
        answer = sensor.post({"n": 1}, Authorization=wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "token-rejected"), wrong
    before, sensor.token = sensor.token, tokens.renew(sensor.hub)
    assert sensor.post({"n": 1}, Authorization=f"Bearer {before}").status_code == 401
    sensor.send({"n": 1})
    tokens.revoke(sensor.hub)
    assert sensor.post({"n": 1}).status_code == 401


def test_a_number_that_nobody_has_looks_like_a_wrong_token(sensor: Sensor) -> None:
    headers = {"Authorization": f"Bearer {sensor.token}"}
    answer = sensor.client.post("/api/v1/sensors/999999999/readings", json={}, headers=headers)
    assert answer.json() == sensor.post({}, Authorization="Bearer fsn_wrong").json()


def test_a_body_beyond_the_limit_is_refused_and_one_within_is_taken(sensor: Sensor) -> None:
    from django.conf import settings

    frame = len(b'{"n": 1, "text": ""}')
    most = settings.BODY_LIMIT - frame
    assert sensor.post(b'{"n": 1, "text": "%s"}' % (b"x" * (most + 1))).status_code == 413
    sensor.send(b'{"n": 1, "text": "%s"}' % (b"x" * most))
    assert sensor.latest() == {"n": 1}


def test_leaves_beyond_the_limits_stay_in_the_document(sensor: Sensor) -> None:
    from fieldstation.hub.sensors.limits import LIMITS

    answer = sensor.send({f"v{n}": n for n in range(LIMITS.channels + 5)})
    assert len(answer["ignored"]) == 5
    assert len(sensor.latest()) == LIMITS.channels
    assert b"v604" in sensor.kept()[0]


def test_new_channels_do_not_come_for_ever(sensor: Sensor) -> None:
    from fieldstation.hub.sensors.limits import LIMITS

    for n in range(LIMITS.shapes + 3):
        answer = sensor.send({f"v{n}": n})
    assert answer["ignored"] == [f"v{LIMITS.shapes + 2}"]
    assert len(sensor.kept()) == LIMITS.shapes + 3


def test_a_sensor_that_posts_too_often_is_told_when_to_come_again() -> None:
    from fieldstation.hub.sensors.quota import Quota

    now = [100.0]
    quota = Quota(60, lambda: now[0])
    assert [quota.wait_s(1) for _ in range(61)] == [0] * 60 + [1]
    assert quota.wait_s(2) == 0
    now[0] += 1
    assert [quota.wait_s(1), quota.wait_s(1)] == [0, 1]


def test_too_many_posts_are_429_with_a_time(sensor: Sensor, monkeypatch: Any) -> None:
    from fieldstation.hub.sensors import quota

    monkeypatch.setattr(quota.Quota, "wait_s", lambda self, sensor: 7)
    answer = sensor.post({"n": 1})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["code"] == "too-many-posts"


def test_documents_are_paged_as_posted(sensor: Sensor, person: httpx.Client) -> None:
    sensor.send([{"time": 1_767_225_600 + n // 2, "z": n, "a": 0} for n in range(7)])
    address = f"/api/v1/sensors/{sensor.id}/documents?start=2025-12-31T00:00:00Z&limit=3"
    found: list[Any] = []
    page = person.get(address)
    while True:
        assert page.status_code == 200, page.text
        found += page.json()["documents"]
        if page.json()["next"] is None:
            break
        page = person.get(f"{address}&cursor={page.json()['next']}")
    assert [each["document"]["z"] for each in found] == list(range(7))
    assert list(found[0]["document"]) == ["time", "z", "a"]
    latest = person.get(f"/api/v1/sensors/{sensor.id}/latest").json()
    assert latest["document"]["z"] == 6


def test_a_deleted_span_is_hidden_everywhere(sensor: Sensor, person: httpx.Client) -> None:
    from fieldstation.hub import runtime
    from fieldstation.hub.sensors import erasing

    start = 1_767_225_600
    sensor.send([{"time": start + n, "n": n} for n in range(100)])
    erasure = erasing.delete_span(sensor.hub, (start + 10) * 10**6, (start + 200) * 10**6)
    assert sensor.column("n") == list(range(10))
    assert len(sensor.kept()) == 10
    assert sensor.latest() == {"n": 9}
    store = runtime.running().store

    def buckets() -> list[float]:
        (one,) = store.buckets(
            sensor.gateway, sensor.instrument, ["n"], start * 10**6, (start + 100) * 10**6, 5
        )
        return [int(one.n.sum()), float(one.maximum.max())]

    assert buckets() == [10, 9]
    walked = store.walk(sensor.gateway, sensor.instrument, ["n"], 0, 2 * 10**15)
    assert sum(len(piece.times_us) for piece in walked) == 10
    address = f"/api/v1/instruments/{sensor.hub.gateway.slug}/{sensor.instrument}/export.csv"
    assert len(person.get(f"{address}?start=2025-12-01T00:00:00Z").text.splitlines()) == 11
    erasing.restore_span(erasure)
    assert buckets() == [100, 99]
    assert len(sensor.kept()) == 100
    assert sensor.latest() == {"n": 99}


def test_a_deleted_sensor_comes_back(
    sensor: Sensor, new_sensor: Callable[..., Sensor], person: httpx.Client
) -> None:
    from fieldstation.errors import BadRequest, NotFound
    from fieldstation.hub.sensors import erasing

    sensor.send({"n": 1})
    erasing.delete_sensor(sensor.hub)
    assert sensor.post({"n": 2}).status_code == 401
    with pytest.raises(NotFound):
        sensor.latest()
    address = f"/api/v1/instruments/{sensor.hub.gateway.slug}/{sensor.instrument}"
    assert person.get(address).status_code == 404
    assert person.get(f"/api/v1/sensors/{sensor.id}/latest").status_code == 404
    namesake = new_sensor()
    assert namesake.instrument != sensor.instrument
    with pytest.raises(BadRequest, match="another sensor"):
        erasing.restore_sensor(sensor.hub)
    erasing.delete_sensor(namesake.hub)
    erasing.restore_sensor(sensor.hub)
    sensor.send({"n": 2})
    assert sensor.column("n") == [1, 2]


def test_after_thirty_days_documents_are_gone_for_good(sensor: Sensor) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from fieldstation.errors import BadRequest
    from fieldstation.hub import runtime
    from fieldstation.hub.sensors import erasing
    from fieldstation.hub.sensors.filing import Filing
    from fieldstation.hub.sensors.models import Document, Erasure

    sensor.send({"time": 1_767_225_600, "n": 1})
    sensor.send({"n": 2})
    made = erasing.delete_span(sensor.hub, 0, 1_767_225_601 * 10**6)
    Erasure.objects.filter(pk=made.pk).update(made=timezone.now() - timedelta(days=31))
    with pytest.raises(BadRequest, match="no longer"):
        erasing.restore_span(Erasure.objects.get(pk=made.pk))
    Document.objects.filter(sensor=sensor.id).update(received_us=0)
    Filing(runtime.running().store).tidy()
    assert Document.objects.filter(sensor=sensor.id).count() == 1
    assert sensor.column("n") == [2]


def test_readings_follow_their_documents_after_a_kill(sensor: Sensor) -> None:
    import os
    import time

    from fieldstation.hub import runtime
    from fieldstation.hub.sensors import documents
    from fieldstation.hub.sensors.filing import Filing
    from fieldstation.hub.sensors.models import Document, Run

    sensor.send({"n": 1})
    run = Run.objects.create(boot=os.urandom(16))
    for sequence in (1, 2):
        Document.objects.create(
            sensor_id=sensor.id, at_us=time.time_ns() // 1000, received_us=0, run=run,
            sequence=sequence, body=documents.packed(b'{"n": %d}' % (sequence + 1), b""),
        )  # fmt: skip
    filing = Filing(runtime.running().store)
    filing.recover()
    assert sensor.column("n") == [1, 2, 3]
    filing.recover()
    assert sensor.column("n") == [1, 2, 3]


def test_the_old_switch_lets_in_marked_rows_from_its_networks(
    sensor: Sensor, hub: Any, owner: Any
) -> None:
    import asyncio

    from fieldstation.hub import runtime
    from fieldstation.hub.sensors import history, intake, registration

    loop = runtime.running().posts.loop

    def post(address: str, token: str = "", owner: str = owner.username, name: str = "VEML7700"):  # type: ignore[no-untyped-def]
        post = intake.accept_named(owner, name, b'{"n": 1}', address=address, token=token)
        return asyncio.run_coroutine_threadsafe(post, loop).result(20)

    with pytest.raises(intake.NotOpen):
        post("127.0.0.1")
    assert post("127.0.0.1", sensor.token).marked is False
    registration.change(sensor.hub, legacy_posts=True, networks="10.1.0.0/16, fd00::/8")
    for outside in ("127.0.0.1", "", "junk", "10.2.0.1"):
        with pytest.raises(intake.NotOpen):
            post(outside)
    assert post("10.1.2.3").marked is True
    assert post("::ffff:10.1.2.3").marked is True
    assert [kept.marked for kept in history.documents(sensor.hub, 0, 2**53, 9)] == [
        False,
        True,
        True,
    ]
    with pytest.raises(intake.UnknownSensor):
        post("10.1.2.3", name="veml7700")
    with pytest.raises(intake.UnknownOwner):
        post("10.1.2.3", owner="nobody-at-all")
    assert (
        intake.accept_blocking(sensor.id, {"n": 5}, True, at_us=1_767_225_600_000_000).stored == 1
    )


def test_registration_refuses_what_cannot_be(owner: Any, new_sensor: Callable[..., Sensor]) -> None:
    from fieldstation.errors import BadRequest
    from fieldstation.hub.sensors import registration

    new_sensor("taken")
    for called in ("", "  ", "x" * 81, "a\nb", "a/b", "taken"):
        with pytest.raises(BadRequest):
            new_sensor(called)
    for units in ("temperature", ": V", "a: " + "x" * 40):
        with pytest.raises(BadRequest):
            registration.units_of(units)
    assert registration.units_of("air.t: °C\r\n\nx = V") == {"air.t": "°C", "x": "V"}
    with pytest.raises(BadRequest):
        registration.checked_networks("300.1.1.1")


def test_a_sensor_that_has_posted_keeps_its_site(sensor: Sensor) -> None:
    from fieldstation.errors import BadRequest
    from fieldstation.hub.sensors import registration
    from fieldstation.hub.sites.models import Site

    slug = f"other-{secrets.token_hex(4)}"
    other = Site.objects.create(name=slug, slug=slug)
    registration.change(sensor.hub, site=other)
    assert sensor.hub.site == other
    sensor.send({"n": 1})
    another = Site.objects.create(name=f"{slug}x", slug=f"{slug}x")
    with pytest.raises(BadRequest, match="stays at its site"):
        registration.change(sensor.hub, site=another)
