"""Commands of the hub: run it, register its gateways and people."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldstation.cli.output import AsJson, emit_json, emit_table
from fieldstation.errors import BadRequest, ConfigError

if TYPE_CHECKING:
    from types import ModuleType

app = typer.Typer(no_args_is_help=True)

DATA = Path("hub-data")
Data = Annotated[
    Path,
    typer.Option(
        "--data",
        envvar="FIELDSTATION_HUB_DATA",
        help="Folder of the hub's files; made when it is not there.",
    ),
]
Name = Annotated[str, typer.Argument(help="The name people know it by.")]


def serve(
    data: Data = DATA,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    url: Annotated[
        str, typer.Option(help="The address that people type, when a proxy stands in front.")
    ] = "",
) -> None:
    """Run the hub: pages, API and uploads."""
    programs().serve(data, host, port, url=url, ready=lambda address: print(address, flush=True))


@app.command("add-gateway")
def add_gateway(
    name: Name,
    data: Data = DATA,
    key_file: Annotated[
        Path | None,
        typer.Option(help="Write the key to this new file (mode 0600) instead of printing it."),
    ] = None,
) -> None:
    """Register a station. Its key is shown this once; the hub keeps only a digest."""
    if key_file is not None and key_file.exists():
        raise BadRequest(f"{key_file} exists; name a file that does not, or delete it first")
    key = programs().add_gateway(data, name)
    if key_file is None:
        print(key)
        return
    write_secret(key_file, key)
    print(f"the key of {name!r} is in {key_file}", file=sys.stderr)


@app.command("revoke-gateway")
def revoke_gateway(name: Name, data: Data = DATA) -> None:
    """Refuse a station's key from its next upload on. Its readings stay."""
    programs().revoke_gateway(data, name)
    print(f"the key of {name!r} is refused from now on", file=sys.stderr)


@app.command("gateways")
def gateways(data: Data = DATA, as_json: AsJson = False) -> None:
    """List the stations that are registered."""
    rows = [
        {
            "name": row.name,
            "slug": row.slug,
            "created": row.created.isoformat(timespec="seconds"),
            "last_seen": row.last_seen.isoformat(timespec="seconds") if row.last_seen else None,
            "revoked": row.revoked_at.isoformat(timespec="seconds") if row.revoked_at else None,
        }
        for row in programs().list_gateways(data)
    ]
    if as_json:
        emit_json(rows)
        return
    header = ("name", "created", "last seen", "revoked")
    emit_table(
        header,
        [(r["name"], r["created"], r["last_seen"] or "-", r["revoked"] or "-") for r in rows],
    )


@app.command("add-user")
def add_user(name: Name, data: Data = DATA, email: Annotated[str, typer.Option()] = "") -> None:
    """Make an account. The password is asked for, or read from standard input."""
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise BadRequest("the two passwords differ; nothing was changed")
    else:
        password = sys.stdin.readline().rstrip("\n")
    programs().add_user(data, name, password, email)
    print(f"{name} can log in now", file=sys.stderr)


def write_secret(path: Path, text: str) -> None:
    """A new file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


def programs() -> ModuleType:
    """The hub's own functions. Raises ConfigError where the hub is not installed."""
    try:
        from fieldstation.hub import run
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the hub needs {error.name}; install it with: pip install 'fieldstation[hub]'"
        ) from error
    return run
