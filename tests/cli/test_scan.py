"""`scan` and `twin` as a person types them: twins on ptys, found and written to a configuration."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fieldstation.cli.scan import site
from fieldstation.instruments import registry
from fieldstation.model import Identity, SerialLine
from fieldstation.protocol.usb_iss_twin import UsbIssTwin
from fieldstation.station.config import load_config
from fieldstation.transport.host import pty_host
from fieldstation.transport.opening import open_link
from fieldstation.transport.scan import Finding, Place, Probe, ask_place

AXPERT = Probe("axpert", registry.driver("axpert"))
SE521_SERIAL = Probe("se521", registry.driver("se521"), {"wire": "serial"})


def fieldstation(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as its user would."""
    return subprocess.run(
        [sys.executable, "-m", "fieldstation.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
    )


@asynccontextmanager
async def serving(*arguments: str) -> AsyncIterator[str]:
    """A command that prints an address and serves there; ended with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fieldstation.cli", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.communicate()


# --- scan ---


@pytest.mark.slow
async def test_what_is_attached_becomes_a_table_and_a_configuration(tmp_path: Path) -> None:
    out = tmp_path / "site.toml"
    inverter = registry.twin("axpert", seed=4, fast=True)
    battery = registry.twin("emus_bms", seed=4, fast=True)
    async with pty_host(inverter, time.time) as one, pty_host(battery, time.time) as two:
        owner = await open_link(two, SerialLine())
        busy = await asyncio.to_thread(fieldstation, "scan", "--port", one, "--port", two)
        await owner.aclose()
        result = await asyncio.to_thread(
            fieldstation, "scan", "--port", one, "--port", two, "--config-out", str(out)
        )
    assert result.returncode == busy.returncode == 0, result.stderr + busy.stderr
    header, first, second = result.stdout.splitlines()
    assert header.split() == ["port", "device", "kind", "model", "serial", "remark"]
    assert first.split()[:2] == [one, "axpert"]
    assert second.split()[:2] == [two, "emus_bms"]
    assert f"1/2 {one}: asking for axpert" in result.stderr
    assert f"{two} is in use by another program" in busy.stdout
    assert "[instrument.axpert]" in busy.stdout
    config = load_config(out)
    assert [(i.name, i.port) for i in config.instruments] == [("axpert", one), ("emus_bms", two)]
    assert all(i.serial_number and i.serial_number in result.stdout for i in config.instruments)


async def test_a_port_without_anyone_is_no_mistake_but_no_configuration(tmp_path: Path) -> None:
    gone, out = str(tmp_path / "gone"), str(tmp_path / "site.toml")
    result = await asyncio.to_thread(fieldstation, "scan", "--port", gone, "--json")
    assert result.returncode == 0, result.stderr
    (row,) = json.loads(result.stdout)
    assert (row["port"], row["kind"]) == (gone, "")
    assert "is not there" in row["remark"]
    refused = fieldstation("scan", "--port", gone, "--config-out", out)
    assert refused.returncode == 2
    assert f"{out} is not written" in refused.stderr


def test_a_port_that_is_no_address_gets_one_sentence() -> None:
    result = fieldstation("scan", "--port", "ttyUSB0")
    assert result.returncode == 78
    assert "is no address" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_old_configuration_is_never_overwritten(tmp_path: Path) -> None:
    from fieldstation.cli.capture import new_file
    from fieldstation.errors import BadRequest

    file = tmp_path / "site.toml"
    file.write_text("mine")
    with pytest.raises(BadRequest, match="exists and is kept"):
        new_file(file)
    with pytest.raises(BadRequest, match="cannot write"):
        new_file(tmp_path / "nowhere" / "site.toml")
    assert file.read_text() == "mine"


def test_alike_units_get_names_of_their_own_and_one_unit_a_single_section() -> None:
    first = Finding(Place("/dev/a"), AXPERT, Identity("axpert", "111"))
    second = Finding(Place("/dev/b"), AXPERT, Identity("axpert", "222"))
    by_usb = Finding(Place("hid:0665:5161"), AXPERT, Identity("axpert", "111"))
    logger = Finding(Place("/dev/c"), SE521_SERIAL, Identity("se521"))
    nobody = Finding(Place("/dev/d"), note="nothing answered")
    text = site([first, nobody, second, by_usb, logger])
    assert tomllib.loads(text)["instrument"] == {
        "axpert": {"kind": "axpert", "port": "/dev/a", "serial_number": "111"},
        "axpert_2": {"kind": "axpert", "port": "/dev/b", "serial_number": "222"},
        "se521": {"kind": "se521", "port": "/dev/c", "wire": "serial"},
    }
    assert "# the same unit answers on hid:0665:5161" in text
    assert site([nobody]) == ""


def test_equal_adapters_are_told_apart_by_the_numbers_of_their_units(tmp_path: Path) -> None:
    sockets = [Place(f"/dev/serial/by-path/{n}", alike="usb:1a86:7523") for n in range(3)]
    units = [Identity("axpert", "111"), Identity("axpert", "222"), Identity("se521")]
    probes = [AXPERT, AXPERT, SE521_SERIAL]
    text = site([Finding(*one) for one in zip(sockets, probes, units, strict=True)])
    assert [(one["port"], one.get("serial_number")) for one in _sections(text)] == [
        ("usb:1a86:7523", "111"),
        ("usb:1a86:7523", "222"),
        ("/dev/serial/by-path/2", None),
    ]
    file = tmp_path / "site.toml"
    file.write_text(text)
    assert len(load_config(file).instruments) == 3


@pytest.mark.slow
async def test_two_equal_inverters_on_equal_adapters_are_told_apart_by_asking(
    tmp_path: Path,
) -> None:
    models = registry.profiles("axpert")[:2]
    inverters = [registry.twin("axpert", model, fast=True) for model in models]
    async with pty_host(inverters[0], time.time) as one, pty_host(inverters[1], time.time) as two:
        findings = [
            finding
            for port in (one, two)
            for finding in await ask_place(Place(port, alike="usb:1a86:7523"), [AXPERT])
        ]
    file = tmp_path / "site.toml"
    file.write_text(site(findings))
    first, second = load_config(file).instruments
    assert first.port == second.port == "usb:1a86:7523"
    assert first.serial_number != second.serial_number
    assert "" not in (first.serial_number, second.serial_number)


def _sections(text: str) -> list[dict[str, str]]:
    return list(tomllib.loads(text)["instrument"].values())


# --- twins on a bus ---


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["opc_n3", "si7020"])
async def test_the_printed_address_of_a_bus_twin_can_be_used(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "site.toml"
    async with serving("twin", kind, "--fast") as address:
        assert address.startswith("usb-iss:/dev/pts/")
        result = await asyncio.to_thread(
            fieldstation, "scan", "--port", address, "--config-out", str(out)
        )
    assert result.returncode == 0, result.stderr
    (found,) = load_config(out).instruments
    assert (found.kind, found.port) == (kind, address)


def test_an_adapter_is_never_served_on_the_network() -> None:
    result = fieldstation("twin", "si7020", "--tcp", "0")
    assert result.returncode == 2
    assert "--bare" in result.stderr


@pytest.mark.slow
async def test_read_says_farewell_before_it_leaves(tmp_path: Path) -> None:
    unit = registry.twin("opc_n3", fast=True)
    driver = registry.driver("opc_n3")
    file = tmp_path / "site.toml"
    async with pty_host(UsbIssTwin(spi=unit), time.time) as port:
        file.write_text(f'[instrument.dust]\nkind = "opc_n3"\nport = "usb-iss:{port}"\n')
        result = await asyncio.to_thread(
            fieldstation, "read", "dust", "--json", "--config", str(file)
        )
        assert result.returncode == 0, result.stderr
        from fieldstation.transport.converse import Runner

        link = await open_link(f"usb-iss:{port}", driver.line)
        power = next(p for p in driver.plan(Identity("opc_n3")) if p.layout.name == "power")
        values = await Runner(link).converse(power.converse())
        await link.aclose()
    assert values["fan_on"] is False
    assert values["laser_on"] is False
