"""The demo's plugs: pulled by order and seed, on real ptys, with real serial ports on them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fieldstation.cli import plugs, stage
from fieldstation.cli.orders import Orders
from fieldstation.errors import LinkError
from fieldstation.instruments import registry
from fieldstation.instruments.faults import FaultPlan
from fieldstation.model import acquainted
from fieldstation.transport.converse import Runner
from fieldstation.transport.plug import PtyPort
from fieldstation.transport.serial import open_serial

OWN, OTHER = "13450512", "14220077"
CHARGER = registry.driver("tristar_mppt")
PATIENCE_S = 60.0
# To ask who is there takes half a second.
TIMES_S = {"LOOK_S": 0.1, "AWAY_S": 0.3, "STRANGER_S": 4.0}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in TIMES_S.items():
        monkeypatch.setattr(plugs, name, seconds)


@asynccontextmanager
async def outlet(dev: Path, order: str) -> AsyncIterator[PtyPort]:
    """The charger's port of the demo, whose plug is pulled as ordered."""
    (charger,) = [one for one in stage.cast(1, Orders()) if one.kind == "tristar_mppt"]
    twin = registry.twin("tristar_mppt", seed=1, fast=True)
    made = plugs.Outlet("charger", "", twin, charger.stranger, FaultPlan([order]))
    async with PtyPort(twin, dev, made.name, stage.wall()) as port:
        assert await ask(port) == OWN
        task = asyncio.create_task(plugs.pull(port, made, itertools.count(1)))
        yield port
        task.cancel()
        await asyncio.wait([task])


async def ask(port: PtyPort) -> str:
    """The serial number of who is on the port. Raises LinkError, CodecError."""
    link = await open_serial(str(port.by_id), CHARGER.line)
    try:
        return (await Runner(link).converse(acquainted(CHARGER))).serial
    finally:
        await link.aclose()


async def seen(port: PtyPort, wanted: int) -> list[str]:
    """Serial numbers that follow the own one, "" for nobody, until there are that many."""
    found: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < wanted:
            try:
                serial = await ask(port)
            except LinkError:
                serial = ""
            if serial != (found or [OWN])[-1]:
                found.append(serial)
            await asyncio.sleep(0)
    return found


@pytest.mark.slow
async def test_a_pulled_plug_comes_back_under_another_device(tmp_path: Path) -> None:
    async with outlet(tmp_path, "unplug*1") as port:
        before = port.device
        assert await seen(port, 2) == ["", OWN]
        assert before is not None
        assert port.device == before.with_name("ttyUSB1")
        assert not before.is_symlink()


@pytest.mark.slow
async def test_a_stranger_is_seen_and_then_the_own_unit_is_back(tmp_path: Path) -> None:
    async with outlet(tmp_path, "stranger*1") as port:
        assert await seen(port, 4) == ["", OTHER, "", OWN]


def test_who_has_no_serial_number_has_no_stranger() -> None:
    strangers = {one.kind for one in stage.cast(1, Orders()) if one.stranger()}
    assert strangers == {"axpert", "opc_n3", "si7020", "tristar_mppt"}


async def test_ports_of_the_demo_have_names_that_stay(tmp_path: Path) -> None:
    players = stage.cast(1, Orders())
    for _ in range(2):  # the second time as after a demo that was killed
        async with stage.ports(players, Orders(["unplug:0.5"]), 1, tmp_path) as addresses:
            assert len(addresses) == len(players)
            paths = {Path(one.removeprefix("usb-iss:")) for one in addresses}
            assert all(path.parent == tmp_path / "serial/by-id" for path in paths)
            behind = [one for one in addresses if "chips" in one]
            assert len(behind) == 3
            assert len(set(behind)) == 1


def test_plugs_are_pulled_at_moments_of_their_own_that_repeat_for_a_seed() -> None:
    orders = Orders(["unplug:0.2"])

    def struck(seed: int, kind: str) -> list[bool]:
        (one,) = [one for one in stage.cast(seed, orders) if one.kind == kind]
        plan = stage.outlet_of(one, orders, seed).plan
        return [plan.strikes("unplug") for _ in range(50)]

    assert struck(1, "axpert") == struck(1, "axpert")
    assert struck(1, "axpert") != struck(2, "axpert")
    assert struck(1, "axpert") != struck(1, "se521")
