"""The process edge: the commands by name, and what a person sees when something goes wrong.

1. Every error of the program becomes one sentence on standard error and its own exit code
   (`errors.py` has them); a traceback is printed only where FIELDSTATION_DEBUG is set.
2. Commands import what they need when they run, so that `fieldstation read` starts quickly.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from fieldstation import __version__
from fieldstation.cli import (
    capture,
    hub,
    import_,
    journal,
    ledger,
    local,
    register,
    replay,
    scan,
    station,
    wire,
)
from fieldstation.cli.orders import WithFaults
from fieldstation.errors import FieldstationError
from fieldstation.model.plain import plain

app = typer.Typer(
    name="fieldstation",
    help="Log instruments in the field; lose nothing on the way to the picture.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("demo", cls=WithFaults)(local.demo)
app.command("up")(local.up)
app.command("run")(station.run)
app.command("serve")(hub.serve)
app.command("check")(station.check)
app.command("read")(station.read)
app.command("recent")(station.recent)
app.command("export")(station.export)
app.command("status")(station.status)
app.command("holes")(ledger.holes)
app.command("ledger")(ledger.ledger)
app.command("register")(register.register)
app.command("decode")(wire.decode)
app.command("twin")(wire.twin)
app.command("scan")(scan.scan)
app.command("capture")(capture.capture)
app.command("replay")(replay.replay)
app.command("capture-test")(replay.capture_test)
app.add_typer(journal.app, name="journal", help="Care for a station's journal.")
app.add_typer(import_.app, name="import", help="Bring over what an older site kept.")
app.add_typer(hub.app, name="hub", help="Care for a hub: gateways and people.")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fieldstation {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Log instruments in the field; lose nothing on the way to the picture."""


def main() -> None:
    """Run the command named by the arguments and leave with its exit code."""
    try:
        app(standalone_mode=True)
    except FieldstationError as error:
        _leave(str(error), error.exit_code, error)
    except KeyboardInterrupt:
        _leave("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except Exception as error:  # noqa: BLE001 - the process edge
        text = f"a defect of fieldstation, please report it: {type(error).__name__}: {error}"
        _leave(text + " (FIELDSTATION_DEBUG=1 shows where)", 70, error)


def _leave(message: str, code: int, error: BaseException | None = None) -> None:
    if error is not None and os.environ.get("FIELDSTATION_DEBUG"):
        raise error
    for line in message.splitlines():
        print(f"fieldstation: {plain(line)}", file=sys.stderr)
    raise SystemExit(code)
