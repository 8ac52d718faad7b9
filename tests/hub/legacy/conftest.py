"""An old gateway, doing what its programs do: register, zip the whole table, ask, copy, ask."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import secrets
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import httpx
import pytest

from fieldstation.series.api import SeriesStore

SHARED = Path(__file__).parents[4] / "shared" / "vectors"
CSV_TAIL = ",".join(["0.0"] * 24 + ["21.0", "33.0", "40.0", "0.0", "5.1", "3.7", "0.0", "1.0"])
CSV_TAIL += ",2.0,0.0,0.0,608.0,44240.0"
PATIENCE_S = 20.0


def row(number: int, stamp: str, temperature: float = 22.5, gadget: str = "TST_001") -> str:
    """One line of the long table."""
    return f"{number},{stamp},{gadget},{temperature},46.7,1.4,2.6,6.3,{CSV_TAIL}"


def table(rows: Sequence[str]) -> str:
    """The CSV as the batcher writes it: a blank first line, CR LF."""
    return "".join(f"{line}\r\n" for line in ["", *rows])


def zipped(
    text: str | bytes,
    key: str = "",
    ref: str = "2021-01-14_15:48_1",
    method: int = zipfile.ZIP_STORED,
    **more: str,
) -> bytes:
    """A batch zip."""
    told = {"gadget_id": "TST_001", "source": "Raspberry PI", "source_ref": ref} | more
    if key:
        told["device_id"] = key
    lines = [*(f"{name}: {told[name]}" for name in sorted(told)), "filelist:", "- /home/pi/x.csv"]
    return packed(text, "\n".join(lines) + "\n", ref, method)


def packed(text: str | bytes, notes: str, ref: str, method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip with these two members."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        archive.writestr(f"{ref}.csv", text)
        archive.writestr(f"{ref}.yaml", notes)
    return data.getvalue()


class TransferFailed(Exception):
    """The server answered with an error, or went away."""


@dataclass
class OldGateway:
    """One gateway with the old programs on it."""

    client: httpx.Client
    scp_port: int
    name: str
    pin: str
    id: str
    key: str = ""
    source: int = 0
    table: list[str] = field(default_factory=list)

    def register(self) -> httpx.Response:
        """`register.py`."""
        form = {"device_id": "00000000a1b2c3d4", "pin": self.pin, "name": "Raspberry pi"}
        answer = self.client.post("/api/v1/activate/", data=form)
        if answer.status_code == 200:
            self.key = answer.json()["key"]
        return answer

    def ask(self, ref: str, size: int = 0, **more: str) -> httpx.Response:
        """The request for a slot, with the header that was never filled in."""
        form = {
            "batch_mode": "PASS", "batch_type": "OPC", "filelist": f"{ref}.csv,{ref}.yaml",
            "key": self.key, "source_ref": ref,
            "zip_md5": "d41d8cd98f00b204e9800998ecf8427e", "zip_size": str(size),
        }  # fmt: skip
        header = {"Authorization": "Bearer {self.gateway_key}"}
        return self.client.post("/api/v1/quarantine_request/", data=form | more, headers=header)

    def slot(self, ref: str = "2021-01-14_15:48_1", **more: str) -> dict[str, Any]:
        """A slot that has to be given."""
        answer = self.ask(ref, 0, **more)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def status(self, batch: str) -> dict[str, Any]:
        """How a batch is."""
        header = {"Authorization": f"Bearer {self.key}"}
        answer = self.client.get(f"/api/v1/upload_status/{batch}/", headers=header)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def connect(self, slot: dict[str, Any]) -> asyncssh.SSHClientConnection:
        """Log in with key and batch id, host key unseen."""
        return await asyncssh.connect(
            slot["domain"], int(slot["port"]), username=self.key, password=slot["batchid"],
            known_hosts=None, client_keys=None, config=None, agent_path=None,
            preferred_auth="password",
        )  # fmt: skip

    async def copy(self, slot: dict[str, Any], data: bytes, **changed: Any) -> None:
        """What the scp library does. Raises TransferFailed."""
        command = changed.get("command", f"scp -t {slot['destination']}{self.key}/inbox/")
        name = changed.get("name", f"{slot['batchid']}.zip")
        size = changed.get("size", len(data))
        async with await self.connect(slot) as line:
            try:
                process = await line.create_process(command, encoding=None)
            except asyncssh.ChannelOpenError as error:
                raise TransferFailed(str(error)) from error
            await _answered(process)
            for text in ("T1610639280 0 1610639280 0\n", f"C0644 {size} {name}\n"):
                process.stdin.write(text.encode())
                await _answered(process)
            process.stdin.write(data)
            process.stdin.write(b"\0")
            await _answered(process)

    async def upload(self, rows: Sequence[str] | None = None) -> dict[str, Any]:
        """`make_batch.py` and `pi_to_cloud.py`; the status once it says more than that."""
        self.source += 1
        if rows is not None:
            self.table = list(rows)
        ref = f"2021-01-14_15:48_{self.source}"
        data = zipped(table(self.table), self.key, ref)
        slot = await asyncio.to_thread(self.slot, ref)
        await self.copy(slot, data)
        return await self.settled(slot["batchid"])

    async def settled(self, batch: str) -> dict[str, Any]:
        """The status once the rows are stored or rejected."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                status = await asyncio.to_thread(self.status, batch)
                if status["status"] not in ("Requested", "Unprocessed"):
                    return status
                await asyncio.sleep(0.02)


async def _answered(process: asyncssh.SSHClientProcess[bytes]) -> None:
    async with asyncio.timeout(10):
        said = await process.stdout.read(1)
        if said != b"\0":
            said += await process.stdout.read()
            raise TransferFailed(said.decode())


@pytest.fixture
def new_gateway(hub: Any) -> Iterator[Callable[[], OldGateway]]:
    """Gateways with a PIN, as a person made them on the hub's pages."""
    from fieldstation.hub.accounts.models import LoginFailures
    from fieldstation.hub.stations import keys, pins

    with hub.client() as client:

        def make() -> OldGateway:
            # Wrong PINs of other tests came from the same address.
            LoginFailures.objects.all().delete()
            name = f"old-{secrets.token_hex(4)}"
            made = keys.new_gateway(name)
            pin, _ = pins.make_pin(made)
            return OldGateway(client, hub.scp_port, name, pin, made.id.hex)

        yield make


@pytest.fixture
def gateway(new_gateway: Callable[[], OldGateway]) -> OldGateway:
    """A registered gateway."""
    one = new_gateway()
    assert one.register().status_code == 200
    return one


@pytest.fixture
def other(new_gateway: Callable[[], OldGateway]) -> OldGateway:
    """Another registered gateway."""
    one = new_gateway()
    assert one.register().status_code == 200
    return one


def stored(store: SeriesStore, station: str, gadget: str = "TST_001") -> list[dict[str, Any]]:
    """All readings of a gadget as the store has them, in time order."""
    entry = next(one for one in store.catalogue(station) if one.name == gadget)
    names = [channel.name for channel in entry.channels]
    found = store.read(station, gadget, names, 0, 2**52)
    columns = {channel: found.values[channel].tolist() for channel in names}
    return [
        {"utc_us": int(at)} | {channel: columns[channel][place] for channel in names}
        for place, at in enumerate(found.times_us)
    ]


@pytest.fixture
def old() -> Any:
    """The helpers of this file for the tests beside it."""
    import sys

    return sys.modules[__name__]


def vectors(kind: str) -> list[Any]:
    """Shared vectors of part C and one kind, empty where they are not beside the checkout."""
    path = SHARED / "compatibility.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    return [row for row in rows if row["area"] == "C" and row["kind"] == kind]


def md5(data: bytes) -> str:
    """The checksum that repaired clients announce."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
