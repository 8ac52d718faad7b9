"""Hub and station on one machine: with instruments of one's own (`up`) or with twins (`demo`)."""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fieldstation.cli import hub
from fieldstation.cli.children import Children, run_until_signal
from fieldstation.cli.station import SITE, ConfigFile
from fieldstation.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fieldstation.batch.model import Batch
    from fieldstation.cli import stage
    from fieldstation.cli.outages import Interrupted
    from fieldstation.cli.past import Span
    from fieldstation.hub.furnished import Furnished

KEY_FILE = "gateway.key"
# Accounts of the demo: its operator, who owns the site, and who may do less there.
PEOPLE = ("demo", "editor", "viewer")
# Files in the folder of a demo; BEGUN bears the time up to which its past was made up.
FURNISHED, BEGUN, FILLED = "furnished.json", "begun", "past-is-there"
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of the pages; 0: a free one.")]


def up(config: ConfigFile = SITE, data: hub.Data = hub.DATA, port: Port = 8000) -> None:
    """Run hub and station together on this machine, with the instruments of the configuration. One
    that ends is started again.
    """
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
    async with Children(lasting=True) as children:
        address = await _start_hub(children, data, port)
        where = ("--hub-url", address, "--key-file", str(key_file))
        await children.start("station", "run", *station, *where)
        print(f"address   {address}\nstop      Ctrl-C", file=sys.stderr)
        await _until(told, children)


async def _start_hub(children: Children, data: Path, port: int) -> str:
    address = await children.start("hub", *_serve(data, port), announces=True)
    # A port that was chosen freely stays, since the station knows it.
    children.next_time("hub", *_serve(data, int(address.rpartition(":")[2].strip("/"))))
    return address


def _serve(data: Path, port: int) -> tuple[str, ...]:
    return ("serve", "--data", str(data), "--port", str(port))


async def _until(
    told: asyncio.Event, *families: Children, work: asyncio.Task[Any] | None = None
) -> None:
    """Return when a person wants an end, or when `work` is done; raises what that raised, and
    ChildEnded when a program ends by itself.
    """
    waits = [told.wait(), *(children.watch() for children in families)]
    tasks = [asyncio.ensure_future(wait) for wait in waits] + ([work] if work else [])
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest - {work}:
        task.cancel()
    for task in done:
        task.result()


def demo(
    port: Port = 8000,
    weeks: Annotated[float, typer.Option(min=0, max=520, help="How much history to make up.")] = 2,
    seed: Annotated[int, typer.Option(help="Weather, loads and faults follow from it.")] = 1,
    data: Annotated[
        Path | None,
        typer.Option(help="Keep all in this folder, or go on with the demo that is there."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault that the twins show, as for `twin`: NAME, NAME:0.1 or NAME*3 for all that"
            " know it, KIND.NAME for one kind."
        ),
    ] = None,
) -> None:
    """Show everything without hardware: a twin of each instrument, a station, a hub, live pages."""
    if data and data.exists() and any(data.iterdir()) and not (data / FURNISHED).exists():
        raise BadRequest(f"{data} is not empty and holds no demo; name a new folder")
    from fieldstation.cli.orders import Orders

    Orders(fault or ())
    with tempfile.TemporaryDirectory(prefix="fieldstation-demo-") as scratch:
        folder = data or Path(scratch)
        if not (folder / FURNISHED).exists():
            passwords = {name: secrets.token_urlsafe(9) for name in PEOPLE}
            furnished = hub.programs().furnish(folder / "hub", passwords)
            hub.write_secret(folder / KEY_FILE, furnished.key)
            (folder / BEGUN).touch()
            hub.write_secret(folder / FURNISHED, furnished.text())
        asyncio.run(_demo(folder, port, weeks, seed, fault or []))


async def _demo(folder: Path, port: int, weeks: float, seed: int, faults: list[str]) -> None:
    from fieldstation.cli import nodes, rehearsal, stage, visitors
    from fieldstation.cli.orders import Orders
    from fieldstation.hub.furnished import Furnished

    told, wall, orders = run_until_signal(), stage.wall(), Orders(faults)
    begun, key_file = int((folder / BEGUN).stat().st_mtime), folder / KEY_FILE
    players, heard = stage.cast(seed, orders), nodes.cast(seed, orders)
    furnished = Furnished.of_text((folder / FURNISHED).read_text(encoding="utf-8"))
    past = rehearsal.span(weeks, begun)
    rehearsal.switch_on(players, begun)
    async with Children(lasting=True) as house, _lived(players, past) as lived:
        address = await _start_hub(house, folder / "hub", port)
        await _until(told, house, work=lived)
        key = key_file.read_text(encoding="utf-8").strip()
        await asyncio.to_thread(rehearsal.bring, address, key, ())
        async with (
            stage.ports(players, orders, seed, folder / "dev") as ports,
            nodes.on_air(heard, wall) as sections,
            Children(lasting=True) as field,
            Children(lasting=True) as studio,
        ):
            if told.is_set():
                return
            site = folder / "site.toml"
            site.write_text(stage.site(players, ports, address) + sections, encoding="utf-8")
            await field.start("station", "run", "--config", str(site))
            _welcome(address, folder, furnished)
            new = not (folder / FILLED).exists()
            async with visitors.visit(
                address, furnished, past if new else None, seed, wall
            ) as visitor:
                if new:
                    await asyncio.to_thread(rehearsal.bring, address, key, *lived.result())
                    words = rehearsal.command(address, key_file, weeks, begun, seed, faults)
                    filled = asyncio.create_task(studio.finish("history", *words))
                    await _until(told, house, field, work=filled)
                    (folder / FILLED).touch()
                await _until(told, house, field, work=visitor)


def _welcome(address: str, folder: Path, furnished: Furnished) -> None:
    """Where to look, and as whom."""
    (user, password), *others = furnished.people.items()
    print(f"\n  address   {address}\n  user      {user}\n  password  {password}\n")
    for name, secret in others:
        print(f"  or as     {name}  {secret}")
    print(f"  shared    {address.rstrip('/')}/shared/{furnished.share}")
    print(f"  mails     {folder / 'hub' / 'outbox'}\n")
    print("  Ctrl-C stops everything.", flush=True)


@asynccontextmanager
async def _lived(
    players: list[stage.Player], past: Span
) -> AsyncIterator[asyncio.Task[tuple[list[Batch], list[Interrupted]]]]:
    """Twins that remember live through their past, in a thread, while the hub starts."""
    from fieldstation.cli import rehearsal

    ended = threading.Event()
    work = asyncio.create_task(asyncio.to_thread(rehearsal.live_through, players, past, ended))
    try:
        yield work
    finally:
        ended.set()
        await asyncio.wait([work])
