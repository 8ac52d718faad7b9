"""Batches in, receipts out, over HTTP with the real store."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from fieldstation.errors import StoreFull
from fieldstation.hub import run

INGEST = "/api/v1/ingest"


def test_receipt_names_station_boot_and_range(station: Any) -> None:
    receipt = station.send([station_row(v) for v in (51.2, 51.3, 51.4)]).json()
    assert receipt | {"station": ""} == {
        "station": "",
        "boot": station.boot.hex(),
        "first": 1,
        "last": 3,
        "stored": 3,
        "duplicate": 0,
        "missing": [],
    }
    assert len(receipt["station"]) == 32


def station_row(voltage: float) -> tuple[Any, ...]:
    return (voltage, 430, 2, True, "well")


def test_resend_changes_nothing(station: Any, person: httpx.Client) -> None:
    body = station.batch([station_row(51.2), station_row(51.3)])
    first, again = station.post(body).json(), station.post(body).json()
    assert (first["stored"], first["duplicate"]) == (2, 0)
    assert (again["stored"], again["duplicate"]) == (0, 2)
    facts = person.get(f"/api/v1/instruments/{station.slug}/inverter").json()
    assert facts["readings"] == 2


def test_a_missing_range_is_named(station: Any) -> None:
    station.send()
    station.batch([station_row(1.0)] * 4)
    assert station.send().json()["missing"] == [[2, 5]]


def test_unknown_layout_is_asked_for_by_name(station: Any) -> None:
    answer = station.post(station.batch(announce=False))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "layout-unknown")
    assert len(problem["layouts"]) == 1
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer nonsense", "Basic fsk_x", "Bearer fsk_unknown", "fsk_x"]
)
def test_a_key_that_is_none_is_rejected(station: Any, authorization: str) -> None:
    answer = station.post(station.batch(), Authorization=authorization)
    assert (answer.status_code, answer.json()["code"]) == (401, "key-rejected")


def test_revoked_key_is_refused_on_the_next_request(hub: Any, station: Any) -> None:
    station.send()
    run.revoke_gateway(hub.data, station.name)
    answer = station.post(station.batch())
    assert (answer.status_code, answer.json()["code"]) == (401, "key-rejected")


def test_a_key_writes_to_its_own_station_only(
    new_station: Callable[[], Any], person: httpx.Client
) -> None:
    one, other = new_station(), new_station()
    one.send()
    assert person.get(f"/api/v1/instruments/{one.slug}/inverter").status_code == 200
    assert person.get(f"/api/v1/instruments/{other.slug}/inverter").status_code == 404


def test_a_flipped_bit_is_refused_with_its_kind(station: Any) -> None:
    body = bytearray(station.batch())
    body[-3] ^= 1
    answer = station.post(bytes(body))
    assert answer.status_code == 422
    assert answer.json()["code"] == "crc_mismatch"
    assert answer.json()["type"].endswith("batch-refused")


def test_another_batch_under_the_same_numbers_is_a_contradiction(station: Any) -> None:
    station.send([station_row(51.2)])
    station.sequence = 0
    answer = station.post(station.batch([station_row(99.9)]))
    assert answer.status_code == 422
    assert answer.json()["code"]


def test_another_type_of_body_is_refused(station: Any) -> None:
    answer = station.post(b"{}", **{"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (415, "not-a-batch")


def test_only_post_is_taken(anyone: httpx.Client) -> None:
    assert anyone.get(INGEST).status_code == 405


def test_body_beyond_the_limit_is_refused_unread(hub: Any, station: Any) -> None:
    host, port = httpx.URL(hub.url).host, httpx.URL(hub.url).port
    head = (
        f"POST {INGEST} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {station.key}\r\n"
        "Content-Type: application/vnd.fieldstation.batch\r\nContent-Length: 1048577\r\n\r\n"
    )
    with socket.create_connection((host, port or 0), timeout=10) as line:
        line.sendall(head.encode())
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


def test_chunked_body_is_cut_off_at_the_limit(station: Any) -> None:
    def endless() -> Any:
        for _ in range(64):
            yield bytes(1 << 16)

    try:
        status = station.post(endless()).status_code
    except httpx.TransportError:
        # The hub closed the line while this end was still sending, which is allowed.
        status = 413
    assert status == 413


def test_a_client_that_dribbles_is_let_go(
    hub: Any, station: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub import patience

    monkeypatch.setattr(patience, "BODY_PAUSE_S", 0.05)
    host, port = httpx.URL(hub.url).host, httpx.URL(hub.url).port
    head = (
        f"POST {INGEST} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {station.key}\r\n"
        "Content-Type: application/vnd.fieldstation.batch\r\nContent-Length: 100\r\n\r\nfew"
    )
    with socket.create_connection((host, port or 0), timeout=10) as line:
        line.sendall(head.encode())
        assert line.recv(100).startswith(b"HTTP/1.1 408 ")


def test_full_disk_says_later_and_nothing_is_accepted(
    station: Any, person: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub import runtime

    def full(uploads: Any) -> Any:
        raise StoreFull("The disk of the hub is full.")

    body = station.batch()
    with monkeypatch.context() as broken:
        broken.setattr(type(runtime.running().store), "apply", lambda self, uploads: full(uploads))
        answer = station.post(body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert answer.json()["detail"] == "The disk of the hub is full."
    assert station.post(body).json()["stored"] == 1


def test_many_stations_at_once_each_get_their_own_receipt(
    hub: Any, new_station: Callable[[], Any]
) -> None:
    stations = [new_station() for _ in range(8)]
    bodies = [[station.batch() for _ in range(5)] for station in stations]

    def upload(place: int) -> list[dict[str, Any]]:
        with httpx.Client(base_url=hub.url, timeout=20) as client:
            stations[place].client = client
            return [stations[place].post(body).json() for body in bodies[place]]

    with ThreadPoolExecutor(8) as crowd:
        receipts = list(crowd.map(upload, range(8)))
    for station, row in zip(stations, receipts, strict=True):
        assert [(r["boot"], r["first"], r["stored"]) for r in row] == [
            (station.boot.hex(), number, 1) for number in range(1, 6)
        ]


def test_gateway_was_seen_after_its_upload(hub: Any, station: Any) -> None:
    station.send()
    rows = {row.name: row for row in run.list_gateways(hub.data)}
    assert rows[station.name].last_seen is not None


def test_keys_leave_no_trace_in_the_database(hub: Any, station: Any) -> None:
    station.send()
    files = [path for path in hub.data.iterdir() if path.is_file()]
    assert files
    assert not any(station.key.encode() in path.read_bytes() for path in files)
