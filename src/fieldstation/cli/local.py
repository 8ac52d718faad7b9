"""Hub and station on one machine: with instruments of one's own (`up`) or with twins (`demo`)."""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldstation.cli import hub
from fieldstation.cli.children import Children, run_until_signal
from fieldstation.cli.station import SITE, ConfigFile
from fieldstation.errors import BadRequest

if TYPE_CHECKING:
    from fieldstation.cli import stage

KEY_FILE = "gateway.key"
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of the pages; 0: a free one.")]


def up(config: ConfigFile = SITE, data: hub.Data = hub.DATA, port: Port = 8000) -> None:
    """Run hub and station together on this machine, with the instruments of the configuration."""
    from fieldstation.station.config import load_config

    load_config(config)
    key_file = _household(data)
    asyncio.run(_run(["--config", str(config)], data, key_file, port))


def _household(data: Path) -> Path:
    """What hub and station need to know of each other, made at the first start: an account, whose
    password is printed once, and a gateway key.
    """
    run = hub.programs()
    key_file = data / KEY_FILE
    if not key_file.exists():
        password = secrets.token_urlsafe(9)
        run.add_user(data, "owner", password)
        hub.write_secret(key_file, run.add_gateway(data, "this-machine"))
        print(f"user      owner\npassword  {password}   (shown this once)", file=sys.stderr)
    return key_file


async def _run(station: list[str], data: Path, key_file: Path, port: int) -> None:
    told = run_until_signal()
    async with Children() as children:
        address = await _start_hub(children, data, port)
        where = ("--hub-url", address, "--key-file", str(key_file))
        await children.start("station", "run", *station, *where)
        print(f"address   {address}\nstop      Ctrl-C", file=sys.stderr)
        await _until(told, children)


async def _start_hub(children: Children, data: Path, port: int) -> str:
    arguments = ("serve", "--data", str(data), "--port", str(port))
    return await children.start("hub", *arguments, announces=True)


async def _until(told: asyncio.Event, *families: Children) -> None:
    """Return when a person wants an end; raises ChildEnded when a program ends by itself."""
    waits = [told.wait(), *(children.watch() for children in families)]
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    for task in done:
        task.result()


def demo(
    port: Port = 8000,
    weeks: Annotated[
        float, typer.Option(min=0, max=520, help="How much history to make up first.")
    ] = 2,
    seed: Annotated[int, typer.Option(help="Weather, loads and faults follow from it.")] = 1,
    data: Annotated[
        Path | None, typer.Option(help="Keep everything in this new folder; else thrown away.")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option(help="A fault that the twins show, as for `twin`.")
    ] = None,
) -> None:
    """Show everything without hardware: a twin of each instrument, a station, a hub, live pages."""
    if data is not None and data.exists() and any(data.iterdir()):
        raise BadRequest(f"{data} is not empty; name a new folder")
    from fieldstation.cli import stage

    with tempfile.TemporaryDirectory(prefix="fieldstation-demo-") as scratch:
        folder = data or Path(scratch)
        run, password = hub.programs(), secrets.token_urlsafe(9)
        run.add_user(folder / "hub", "demo", password)
        hub.write_secret(folder / KEY_FILE, run.add_gateway(folder / "hub", "demo station"))
        players = stage.cast(seed, tuple(fault or ()))
        asyncio.run(_demo(folder, port, weeks, players, seed, password))


async def _demo(
    folder: Path, port: int, weeks: float, players: list[stage.Player], seed: int, password: str
) -> None:
    from fieldstation.cli import stage
    from fieldstation.cli.nodes import nodes

    told = run_until_signal()
    async with Children() as house:
        address = await _start_hub(house, folder / "hub", port)
        key = (folder / KEY_FILE).read_text(encoding="utf-8").strip()
        if not await stage.rehearse(players, address, key, weeks, told):
            return
        async with (
            stage.ports(players) as ports,
            nodes(seed, stage.wall()) as heard,
            Children() as field,
        ):
            site = folder / "site.toml"
            site.write_text(stage.site(players, ports, address) + heard, encoding="utf-8")
            await field.start("station", "run", "--config", str(site))
            print(f"\n  address   {address}\n  user      demo\n  password  {password}\n")
            print("  Ctrl-C stops everything.", flush=True)
            await _until(told, house, field)
