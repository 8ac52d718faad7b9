"""The recorded exchanges of old gateways, word for word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).parents[4] / "shared" / "vectors" / "compatibility.json"
ALL = json.loads(SHARED.read_text()) if SHARED.exists() else []
OF_THE_CLOUD = ("c-activate", "c-quarantine", "c-status")
HTTP = [one for one in ALL if one["kind"] == "http" and one["id"].startswith(OF_THE_CLOUD)]
ZIPS = [one for one in ALL if one["kind"] == "batch-zip"]
KEY, BATCH = "a0b1c2d3e4f5a6b7c8d9", "0123456789abcdef0123456789abcdef"


@pytest.fixture
def known(new_gateway: Callable[[], Any]) -> Any:
    """The gateway of the vectors, with their key."""
    from django.db.models import Q

    from fieldstation.hub.stations.keys import key_hash
    from fieldstation.hub.stations.models import Gateway

    Gateway.objects.filter(Q(key_hash=key_hash(KEY)) | Q(old_key_hash=key_hash(KEY))).delete()
    gateway = new_gateway()
    Gateway.objects.filter(name=gateway.name).update(key_hash=key_hash(KEY))
    gateway.key = KEY
    return gateway


def given(known: Any, state: dict[str, Any]) -> None:
    """Bring about what a vector presupposes."""
    from datetime import timedelta

    from django.utils import timezone

    from fieldstation.hub.accounts.models import LoginFailures
    from fieldstation.hub.legacy.models import Slot, State
    from fieldstation.hub.stations.models import Gateway, Pin
    from fieldstation.hub.stations.pins import _digest

    later = timezone.now() + timedelta(minutes=5)
    gateway = Gateway.objects.get(name=known.name)
    if "pin" in state:
        LoginFailures.objects.all().delete()
        Pin.objects.all().delete()
        if state["valid"]:
            Pin.objects.create(gateway=gateway, digest=_digest(state["pin"]), valid_until=later)
    made = state.get("quarantine_request_made")
    if made or "batch" in state:
        word = state.get("state", State.REQUESTED)
        batch, ref = state.get("batch", ""), ""
        if made:
            batch, ref = made["batchid"], made["source_ref"]
        Slot.objects.update_or_create(
            id=batch,
            defaults={"gateway": gateway, "source_ref": ref, "state": word, "expires": later},
        )


@pytest.mark.parametrize("vector", HTTP, ids=lambda one: one["id"])
def test_a_recorded_request_gets_the_answer_that_its_client_expects(
    known: Any, vector: dict[str, Any]
) -> None:
    from fieldstation.hub.legacy.models import Slot

    for state in vector["given"]:
        given(known, state)
    asked, expected = vector["request"], vector["expect"]
    answer = known.client.request(
        asked["method"], asked["path"], headers=asked.get("headers"), content=asked.get("body_text")
    )
    wanted = expected["status"]
    assert answer.status_code in (wanted if isinstance(wanted, list) else [wanted])
    found = answer.json()
    assert found.items() >= expected.get("json", {}).items()
    assert set(expected.get("json_shape", {})) <= set(found)
    if "key" in expected.get("json_shape", {}):
        assert len(found["key"]) == 20
    if "destination" in expected.get("json_shape", {}):
        assert found["destination"].endswith("/")
        assert int(found["port"]) == known.scp_port
        assert len(found["batchid"]) == 32
    Slot.objects.filter(gateway__name=known.name).delete()


@pytest.mark.parametrize("vector", ZIPS, ids=lambda one: one["id"])
async def test_a_recorded_batch_gives_its_rows(
    known: Any, old: Any, vector: dict[str, Any]
) -> None:
    from fieldstation.hub import runtime
    from fieldstation.hub.legacy.columns import LAYOUTS, LONG
    from fieldstation.hub.legacy.zones import set_zone

    await asyncio.to_thread(set_zone, known.name, vector["gateway_timezone"])
    ref = vector["members"][0].removesuffix(".csv")
    data = old.packed(vector["csv_text"], vector["metadata_text"], ref)
    if "zip_file" in vector:
        data = (SHARED.parent / vector["zip_file"]).read_bytes()
    slot = await asyncio.to_thread(known.slot, ref)
    await known.copy(slot, data)
    status = await known.settled(slot["batchid"])
    rows = vector["expect"]["rows"]
    assert (status["status"], status["stored"]) == ("Processed", len(rows))
    found = old.stored(runtime.running().store, known.id)
    names = [channel.old_name for channel in LAYOUTS[len(LONG)].channels]
    for row, seen in zip(rows, found, strict=True):
        values = dict(zip(names, list(seen.values())[1:], strict=True))
        assert {name: values[name] for name in row if name != "gadget_id"} == {
            name: value for name, value in row.items() if name != "gadget_id"
        }
    utc = [datetime.fromtimestamp(row["utc_us"] // 1_000_000, UTC) for row in found]
    for seen_at, wanted in zip(utc, vector["expect"].get("stored_utc", utc), strict=True):
        text = wanted if isinstance(wanted, str) else wanted.isoformat()
        assert seen_at == datetime.fromisoformat(text)


async def test_the_recorded_transfer_runs_step_by_step(known: Any, old: Any) -> None:
    vector = next((one for one in ALL if one["kind"] == "scp-transcript"), None)
    if vector is None:
        pytest.skip("the shared vectors are not beside the checkout")
    await asyncio.to_thread(given, known, {"batch": BATCH, "state": "Requested"})
    slot = {"domain": "127.0.0.1", "port": known.scp_port, "batchid": BATCH}
    command = vector["exec_command"].replace("/data/", "/batches/")
    data = b""
    async with await known.connect(slot) as line, asyncio.timeout(10):
        process = await line.create_process(command, encoding=None)
        for step in vector["steps"]:
            if "server" in step:
                assert await process.stdout.readexactly(1) == bytes.fromhex(step["server"])
            elif "client_text" in step:
                process.stdin.write(step["client_text"].encode())
            elif step["client"] == "00":
                process.stdin.write(b"\0")
            elif step["client"].endswith("bytes of file"):
                data = bytes(int(step["client"].split()[0]))
                process.stdin.write(data)
            else:
                process.stdin.write_eof()
                await process.wait()
    assert len(data) == 1035
    assert known.status(BATCH)["status"] == "Rejected"
