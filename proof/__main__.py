"""Put the promises to the test: `make proof`, or `python -m proof PART …`.

Prints the sheet and writes `var/proof.json`. Ends with 1 when a figure misses its bound. Nothing
else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

from benchmarks.figure import Figure

from proof.part import Part
from proof.sheet import head, lines

PARTS = {
    "store": "every disk that a power cut could leave of a journal at work",
    "cuts": "real power cuts of ext4 in the middle of work",
    "flips": "bytes changed in the journal's file",
    "faults": "a disk that fails, fills, stalls, turns read-only",
    "kill": "station and hub killed at every writing call and at random",
    "restart": "from the start of a killed station to its next reading",
    "scenario": "whole systems under a seeded, scripted clock",
    "commit": "what one commit costs",
    "backlog": "a hub that was away for 30 days",
}
MODULES = {"scenario": "scenarios"}
OUT = Path("var/proof.json")
NEEDED = {"strace": "store, kill and faults", "setpriv": "kill, faults, restart and backlog"}


def main(arguments: Sequence[str]) -> int:
    """Run the parts that are named, all of them when none is."""
    given = _given(arguments)
    for tool, parts in NEEDED.items():
        if which(tool) is None:
            print(f"{tool} is not installed; {parts} need it (see tests/packages.txt)")
            return 2
    facts = _facts(given.seed)
    begun = time.monotonic()
    print(head(facts), flush=True)
    sheet, good = dict[str, Any](), True
    for name in given.part or PARTS:
        print(f"{name}: {PARTS[name]} …", file=sys.stderr, flush=True)
        part, took_s = _run(name, given.seed, given.share)
        good &= part.good
        sheet[name] = part.as_json() | {"took_s": round(took_s, 1)}
        print(lines(name, part, took_s), flush=True)
    facts["wall_s"] = round(time.monotonic() - begun, 1)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(facts | {"parts": sheet}, indent=1) + "\n", encoding="utf-8")
    print(
        f"\nwall time  {facts['wall_s']:,.0f} s · {'every bound kept' if good else 'BOUNDS MISSED'}"
    )
    print(f"written to {OUT}", file=sys.stderr)
    return 0 if good else 1


def _given(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof", description=__doc__.splitlines()[0])
    parser.add_argument(
        "part", nargs="*", help=f"one of {', '.join(PARTS)}; all when none is named"
    )
    parser.add_argument("--seed", type=int, default=1, help="everything drawn follows from it")
    parser.add_argument(
        "--share", type=float, default=1.0,
        help="how much of the full extent; bounds on extent are missed below 1",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.part if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(PARTS)}")
    return given


def _run(name: str, seed: int, share: float) -> tuple[Part, float]:
    """Run a part in a process of its own, so that none warms or binds anything for the next."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "proof.run", name, str(seed), str(share)],
        stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    took_s = time.monotonic() - begun
    if done.returncode:
        ended = Figure("the part ended early", 1, "", most=0, note=f"code {done.returncode}")
        return Part((ended,)), took_s
    row = json.loads(done.stdout.splitlines()[-1])
    figures = (
        Figure(**{key: value for key, value in figure.items() if key != "verdict"})
        for figure in row["figures"]
    )
    return Part(tuple(figures), tuple(row["untested"]), tuple(row["failures"])), took_s


def prove(name: str, seed: int, share: float) -> Part:
    """Run a part here."""
    module = MODULES.get(name, name)
    if find_spec(f"proof.{module}") is None:
        return Part((), (f"{PARTS[name]}: this part is not there",))
    part: Part = import_module(f"proof.{module}").prove(seed, share)
    return part


def _facts(seed: int) -> dict[str, Any]:
    git = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or "unknown",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "python": platform.python_version(),
        "seed": seed,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
