"""Old gateways register, upload and ask as they always did."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fieldstation.errors import BadRequest, NotFound

ROWS_A = ((1, "2021-01-14 15:40"), (2, "2021-01-14 15:45"), (3, "2021-01-14 15:45"))


async def test_registered_by_pin_uploaded_twice_rows_are_there_once(
    gateway: Any, old: Any, person: httpx.Client
) -> None:
    rows = [old.row(*each) for each in ROWS_A]
    first = await gateway.upload(rows)
    assert (first["status"], first["stored"], first["known"]) == ("Processed", 3, 0)
    second = await gateway.upload([*rows, old.row(4, "2021-01-14 16:45", 22.7)])
    assert (second["status"], second["stored"], second["known"]) == ("Processed", 1, 3)
    answer = await asyncio.to_thread(
        person.get,
        f"/api/v1/instruments/{gateway.name}/TST_001/readings",
        params={"start": "2021-01-14T00:00:00Z", "end": "2021-01-15T00:00:00Z"},
    )
    found = answer.json()
    assert found["times"] == [
        "2021-01-14T15:40:00.000000Z", "2021-01-14T15:45:00.000000Z",
        "2021-01-14T15:45:00.000001Z",
        "2021-01-14T16:45:00.000000Z",
    ]  # fmt: skip
    assert found["values"]["number"] == [1, 2, 3, 4]
    assert found["values"]["temperature"] == [22.5, 22.5, 22.5, 22.7]
    assert found["values"]["stamp"][2] == "2021-01-14 15:45"


def test_a_key_has_twenty_hex_digits_and_works_at_once(gateway: Any) -> None:
    assert len(gateway.key) == 20
    assert set(gateway.key) <= set("0123456789abcdef")
    assert gateway.status(gateway.slot()["batchid"])["status"] == "Requested"


def test_a_pin_works_once(gateway: Any) -> None:
    before = gateway.key
    answer = gateway.register()
    assert (answer.status_code, gateway.key) == (403, before)


def test_a_wrong_pin_is_refused(new_gateway: Callable[[], Any]) -> None:
    gateway = new_gateway()
    gateway.pin = "0000"
    assert gateway.register().status_code == 403


def test_a_revoked_gateway_gets_no_slot(gateway: Any, hub: Any) -> None:
    from fieldstation.hub import run

    batch = gateway.slot()["batchid"]
    run.revoke_gateway(hub.data, gateway.name)
    assert gateway.ask("x").status_code == 403
    header = {"Authorization": f"Bearer {gateway.key}"}
    answer = gateway.client.get(f"/api/v1/upload_status/{batch}/", headers=header)
    assert answer.status_code == 403


@pytest.mark.parametrize("slash", ["", "/"])
def test_addresses_work_with_and_without_their_slash(gateway: Any, slash: str) -> None:
    form = {"key": gateway.key, "source_ref": "a"}
    answer = gateway.client.post(f"/api/v1/quarantine_request{slash}", data=form)
    assert answer.status_code == 200
    header = {"Authorization": f"Bearer {gateway.key}"}
    path = f"/api/v1/upload_status/{answer.json()['batchid']}{slash}"
    assert gateway.client.get(path, headers=header).json()["status"] == "Requested"
    assert gateway.client.post(f"/api/v1/activate{slash}", data={"pin": "1"}).status_code in (
        403,
        429,
    )


def test_a_real_bearer_counts_before_the_form(gateway: Any, other: Any) -> None:
    form = {"key": other.key, "source_ref": "a"}
    header = {"Authorization": f"Bearer {gateway.key}"}
    answer = gateway.client.post("/api/v1/quarantine_request/", data=form, headers=header)
    assert gateway.status(answer.json()["batchid"])["status"] == "Requested"
    unknown = {"Authorization": "Bearer ffffffffffffffffffff"}
    answer = gateway.client.post("/api/v1/quarantine_request/", data=form, headers=unknown)
    assert answer.status_code == 403


def test_the_same_reference_gets_the_same_open_slot(gateway: Any) -> None:
    assert gateway.slot("a")["batchid"] == gateway.slot("a")["batchid"]
    assert gateway.slot("a")["batchid"] != gateway.slot("b")["batchid"]


async def test_a_reference_that_was_filled_gets_another_slot_and_rows_stay_single(
    gateway: Any, old: Any
) -> None:
    data = old.zipped(old.table([old.row(1, "2021-01-14 15:40")]), gateway.key)
    one = await asyncio.to_thread(gateway.slot)
    await gateway.copy(one, data)
    other = await asyncio.to_thread(gateway.slot)
    assert other["batchid"] != one["batchid"]
    await gateway.copy(other, data)
    assert (await gateway.settled(one["batchid"]))["stored"] == 1
    assert (await gateway.settled(other["batchid"]))["known"] == 1
    from fieldstation.hub import runtime

    assert len(old.stored(runtime.running().store, gateway.id)) == 1


def test_open_slots_are_bounded(gateway: Any) -> None:
    from fieldstation.hub.legacy import slots

    answers = [gateway.ask(f"ref-{at}").status_code for at in range(slots.MOST_OPEN + 1)]
    assert answers == [200] * slots.MOST_OPEN + [429]


@pytest.mark.parametrize("ref", ["", "a" * 129, "a\nb"])
def test_a_reference_without_sense_is_refused(gateway: Any, ref: str) -> None:
    assert gateway.ask(ref).status_code == 400


def test_a_batch_beyond_the_limit_gets_no_slot(gateway: Any) -> None:
    assert gateway.ask("a", size=1 << 40).status_code == 400


def test_foreign_and_unknown_batches_look_the_same(gateway: Any, other: Any) -> None:
    header = {"Authorization": f"Bearer {gateway.key}"}
    for batch in (other.slot()["batchid"], "f" * 32, "..", "%00"):
        answer = gateway.client.get(f"/api/v1/upload_status/{batch}/", headers=header)
        assert answer.status_code == 404


def test_keys_in_references_leave_no_trace(gateway: Any, hub: Any) -> None:
    gateway.slot(f"{gateway.key}_000001_20210114154801")
    files = [path for path in hub.data.rglob("*") if path.is_file()]
    assert not any(gateway.key.encode() in path.read_bytes() for path in files)


async def test_two_gateways_with_one_gadget_name_stay_apart(
    gateway: Any, other: Any, old: Any
) -> None:
    for one in (gateway, other):
        status = await one.upload([old.row(1, "2021-01-14 15:40")])
        assert status["stored"] == 1


async def test_a_batch_made_with_a_foreign_key_is_rejected(
    gateway: Any, other: Any, old: Any
) -> None:
    slot = await asyncio.to_thread(gateway.slot)
    await gateway.copy(slot, old.zipped(old.table([]), other.key))
    status = await gateway.settled(slot["batchid"])
    assert (status["status"], "another gateway" in status["reason"]) == ("Rejected", True)


async def test_https_takes_the_same_batch(gateway: Any, old: Any) -> None:
    data = old.zipped(old.table([old.row(1, "2021-01-14 15:40")]), gateway.key)
    slot = await asyncio.to_thread(gateway.slot, zip_md5=old.md5(data))
    header = {"Authorization": f"Bearer {gateway.key}"}

    def put(content: Any) -> httpx.Response:
        path = httpx.URL(slot["upload"]).path
        answer: httpx.Response = gateway.client.put(path, content=content, headers=header)
        return answer

    broken = await asyncio.to_thread(put, data[:-1])
    assert (broken.status_code, broken.json()["code"]) == (422, "batch-refused")
    assert gateway.status(slot["batchid"])["status"] == "Requested"
    assert (await asyncio.to_thread(put, data)).json()["status"] == "Unprocessed"
    assert (await gateway.settled(slot["batchid"]))["stored"] == 1
    assert (await asyncio.to_thread(put, data)).status_code == 403


@pytest.mark.parametrize(
    ("method", "header", "status"),
    [("POST", "Bearer {key}", 405), ("PUT", "", 401), ("PUT", "Bearer nonsense", 403)],
)
def test_https_refuses_what_is_no_upload(
    gateway: Any, method: str, header: str, status: int
) -> None:
    path = f"/api/v1/batches/{gateway.slot()['batchid']}"
    headers = {"Authorization": header.format(key=gateway.key)}
    assert gateway.client.request(method, path, content=b"x", headers=headers).status_code == status


def test_https_refuses_a_body_beyond_the_limit(gateway: Any, monkeypatch: Any) -> None:
    from fieldstation.hub.legacy import upload

    monkeypatch.setattr(upload, "MOST_ZIP", 1000)
    path = f"/api/v1/batches/{gateway.slot()['batchid']}"
    headers = {"Authorization": f"Bearer {gateway.key}"}
    for content in (bytes(1001), iter([bytes(600), bytes(600)])):
        assert gateway.client.put(path, content=content, headers=headers).status_code == 413


async def test_an_announced_checksum_is_verified(gateway: Any, old: Any) -> None:
    data = old.zipped(old.table([old.row(1, "2021-01-14 15:40")]), gateway.key)
    slot = await asyncio.to_thread(gateway.slot, zip_md5=old.md5(data + b"x"))
    with pytest.raises(old.TransferFailed, match="another checksum"):
        await gateway.copy(slot, data)
    assert gateway.status(slot["batchid"])["status"] == "Requested"


@pytest.mark.parametrize("data", [b"", b"no zip at all", b"PK\5\6" + bytes(18)])
async def test_what_is_no_batch_is_rejected_and_may_be_sent_again(
    gateway: Any, old: Any, data: bytes
) -> None:
    slot = await asyncio.to_thread(gateway.slot)
    await gateway.copy(slot, data)
    assert gateway.status(slot["batchid"])["status"] == "Rejected"
    again = await asyncio.to_thread(gateway.slot)
    await gateway.copy(again, old.zipped(old.table([]), gateway.key))
    assert (await gateway.settled(again["batchid"]))["status"] == "Processed"


async def test_a_full_disk_delays_a_batch_and_loses_nothing(
    gateway: Any, old: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.errors import StoreFull
    from fieldstation.hub import runtime
    from fieldstation.hub.legacy import desk

    monkeypatch.setattr(desk, "AGAIN_AFTER_S", 0.02)
    store = type(runtime.running().store)
    real, left = store.apply, [3]

    def full_at_first(self: Any, uploads: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise StoreFull("The disk of the hub is full.")
        return real(self, uploads)

    monkeypatch.setattr(store, "apply", full_at_first)
    status = await gateway.upload([old.row(*each) for each in ROWS_A])
    assert (status["status"], status["stored"]) == ("Processed", 3)


async def test_a_full_disk_while_it_arrives_is_told_to_the_gateway(
    gateway: Any, old: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub.legacy import spool

    def full(self: Any, data: bytes) -> None:
        with spool.told():
            raise OSError(errno.ENOSPC, "No space left on device")

    slot = await asyncio.to_thread(gateway.slot)
    with monkeypatch.context() as broken:
        broken.setattr(spool.Incoming, "write", full)
        with pytest.raises(old.TransferFailed, match="disk of the hub is full"):
            await gateway.copy(slot, old.zipped(old.table([])))
        answer = await asyncio.to_thread(
            gateway.client.put,
            httpx.URL(slot["upload"]).path,
            content=b"x",
            headers={"Authorization": f"Bearer {gateway.key}"},
        )
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    await gateway.copy(slot, old.zipped(old.table([]), gateway.key))
    assert (await gateway.settled(slot["batchid"]))["status"] == "Processed"


async def test_a_defect_in_one_batch_leaves_the_desk_at_work(
    gateway: Any, old: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub.legacy import filing

    real = filing.Filing.file

    def defect(self: Any, batch: Any) -> Any:
        if batch.metadata["source_ref"] == "broken":
            raise RuntimeError("a fault of the program")
        return real(self, batch)

    monkeypatch.setattr(filing.Filing, "file", defect)
    slot = await asyncio.to_thread(gateway.slot, "broken")
    await gateway.copy(slot, old.zipped(old.table([]), gateway.key, "broken"))
    assert (await gateway.upload([old.row(*each) for each in ROWS_A]))["stored"] == 3
    assert gateway.status(slot["batchid"])["status"] == "Unprocessed"


def test_a_zone_is_checked_when_it_is_told(gateway: Any, hub: Any) -> None:
    from fieldstation.hub import run
    from fieldstation.hub.legacy.zones import zone_for

    run.set_zone(hub.data, gateway.name, "Europe/Dublin")
    assert str(zone_for(gateway.id)) == "Europe/Dublin"
    with pytest.raises(BadRequest, match="no time zone 'Mars/Olympus'"):
        run.set_zone(hub.data, gateway.name, "Mars/Olympus")
    with pytest.raises(NotFound, match="Did you mean"):
        run.set_zone(hub.data, gateway.name + "x", "UTC")
