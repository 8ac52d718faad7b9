"""The station's status as people read it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fieldstation.cli.output import emit_json, emit_table, time_text

if TYPE_CHECKING:
    from fieldstation.station.config import Config


def show_status(config: Config, as_json: bool) -> None:
    """Ask the running station and print what it says. Raises NotFound when none runs."""
    from fieldstation.station.health import ask_status

    status = ask_status(config.station.data)
    if as_json:
        emit_json(status)
        return
    _instruments(status["instruments"])
    print()
    _journal(status)
    for name, sink in status["sinks"].items():
        _sink(name, sink)


def _instruments(instruments: dict[str, dict[str, Any]]) -> None:
    rows = []
    for name, one in instruments.items():
        last = one.get("last_utc_us") or 0
        missed = sum(one["missed"].values())
        causes = ", ".join(f"{cause} {count}" for cause, count in one["missed"].items())
        rows.append(
            (
                name,
                str(one["state"]),
                time_text(last) if last else "never",
                str(one["due"]),
                f"{missed} ({causes})" if missed else "0",
            )
        )
    emit_table(("instrument", "state", "last reading", "due", "missed"), rows)


def _journal(status: dict[str, Any]) -> None:
    journal = status["journal"]
    free_gb = journal["disk_free_bytes"] / 1e9
    size_mb = journal["size_bytes"] / 1e6
    print(
        f"journal   {journal['last_sequence']} readings kept so far, {size_mb:.1f} MB, "
        f"{free_gb:.1f} GB free; clock {status['clock']}"
    )
    if journal["error"]:
        print(f"          {journal['error']}", file=sys.stderr)


def _sink(name: str, sink: dict[str, Any]) -> None:
    print(f"{name:<9} {sink['backlog']} readings wait, {sink['batches']} batches delivered")
    if sink["error"]:
        print(f"          {sink['error']}")
