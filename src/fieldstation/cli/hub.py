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
    scp_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Take uploads of old gateways by SSH on this port."),
    ] = None,
) -> None:
    """Run the hub: pages, API and uploads."""
    programs().serve(
        data,
        host,
        port,
        url=url,
        scp_port=scp_port,
        ready=lambda address: print(address, flush=True),
    )


@app.command("add-gateway")
def add_gateway(
    name: Name,
    data: Data = DATA,
    key_file: Annotated[
        Path | None,
        typer.Option(help="Write the key to this new file (mode 0600) instead of printing it."),
    ] = None,
) -> None:
    """Register a station without PIN. Its key is shown this once; the hub keeps only a digest."""
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
    """List the stations: when they were last heard of, their program, what waits there."""
    rows = [
        {
            "name": row.name,
            "slug": row.slug,
            "created": row.created.isoformat(timespec="seconds"),
            "last_seen": row.last_seen.isoformat(timespec="seconds") if row.last_seen else None,
            "state": "revoked" if row.revoked_at else row.state,
            "version": row.version,
            "backlog": row.backlog,
            "revoked": row.revoked_at.isoformat(timespec="seconds") if row.revoked_at else None,
        }
        for row in programs().list_gateways(data)
    ]
    if as_json:
        emit_json(rows)
        return
    header = ("name", "state", "last seen", "version", "backlog")
    emit_table(
        header,
        [
            (
                row["name"],
                row["state"].replace("_", " "),
                row["last_seen"] or "-",
                row["version"] or "-",
                "-" if row["backlog"] is None else str(row["backlog"]),
            )
            for row in rows
        ],
    )


@app.command("zone")
def zone(
    name: Name,
    zone: Annotated[str, typer.Argument(help="A time zone like Europe/Dublin.")],
    data: Data = DATA,
) -> None:
    """Tell in which time zone an old gateway's wall clock is. Rows that are stored stay."""
    programs().set_zone(data, name, zone)
    print(f"wall times of {name!r} are read in {zone} from now on", file=sys.stderr)


@app.command("add-user")
def add_user(
    name: Name,
    data: Data = DATA,
    email: Annotated[str, typer.Option(help="Where a forgotten password is reset.")] = "",
    operator: Annotated[bool, typer.Option("--operator", help="May do everything.")] = False,
    site: Annotated[str, typer.Option(help="Join this site; its name or address.")] = "",
    role: Annotated[str, typer.Option(help="There: viewer, editor or owner.")] = "viewer",
) -> None:
    """Make an account. The password is asked for, or read from standard input. The first account is
    the operator's and owns the first site.
    """
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise BadRequest("the two passwords differ; nothing was changed")
    else:
        password = sys.stdin.readline().rstrip("\n")
    programs().add_user(data, name, password, email, operator=operator, site=site, role=role)
    print(f"{name} can log in now", file=sys.stderr)


@app.command("settings")
def settings(
    data: Data = DATA,
    sign_up: Annotated[
        str, typer.Option(help="Who may make an account: open, invited or closed.")
    ] = "",
    mail_to: Annotated[str, typer.Option(help="Send a test mail to this address.")] = "",
) -> None:
    """Choose who may sign up, and try whether mail works."""
    if sign_up:
        programs().choose_sign_up(data, sign_up)
        print(f"sign-up is {sign_up} from now on", file=sys.stderr)
    if mail_to:
        if not programs().try_mail(data, mail_to):
            raise ConfigError(f"the mail server did not take the mail; look at {data}/mail.toml")
        print(f"sent to {mail_to}", file=sys.stderr)


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
