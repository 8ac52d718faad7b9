"""Commands that bring over what older sites kept."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from fieldstation.cli.hub import DATA, Data
from fieldstation.cli.output import AsJson, Progress, emit_json, emit_table
from fieldstation.errors import ConfigError

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _import() -> None:
    """Bring over what an older site kept."""


@app.command("greenhouse")
def greenhouse(
    file: Annotated[Path, typer.Argument(help="The old site's SQLite database.")],
    data: Data = DATA,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be brought.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring accounts, sensors and documents of the greenhouse site to the hub, which must not run.
    Doing it again brings only what is new.
    """
    if find_spec("django") is None:
        raise ConfigError(
            "The hub is not installed; install it with: pip install 'fieldstation[hub]'"
        )
    from fieldstation.hub import datafolder, run

    run.setup(data)
    from fieldstation.hub.greenhouse.importing import bring

    bars: list[Progress] = []

    def advance(done: int, total: int) -> None:
        if not bars:
            bars.append(Progress("documents", total))
        bars[0].advance_to(done)

    found = bring(file, data / datafolder.SERIES, dry=dry_run, progress=advance)
    rows = [
        ("accounts", found.accounts, found.known_accounts),
        ("sensors", found.sensors, found.known_sensors),
        ("documents", found.documents, found.known_documents),
    ]
    if as_json:
        counts = {name: {"brought": new, "known": known} for name, new, known in rows}
        emit_json(
            {**counts, "doubtful_times": found.doubtful, "left_behind": found.left,
             "remarks": found.remarks, "dry_run": dry_run}
        )  # fmt: skip
        return
    header = ("", "would bring" if dry_run else "brought", "known before")
    emit_table(header, [(name, str(new), str(known)) for name, new, known in rows])
    print(f"documents under a doubtful time: {found.doubtful}; left behind: {found.left}")
    for remark in found.remarks:
        print(f"  {remark}")
    if found.accounts and not dry_run:
        print("people set a new password by e-mail before they sign in")
