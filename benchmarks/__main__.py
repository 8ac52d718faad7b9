"""Measure the figures that the project promises: `make bench`, or `python -m benchmarks NAME …`.

Prints a table and writes `var/bench.json`. Takes some minutes; nothing else should run meanwhile.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figure import Figure, table

SECTIONS = (
    "journal", "batch", "store", "ingest", "plots", "pictures", "station", "codecs", "bus",
    "replug", "site", "drain", "posts", "old_posts", "reports", "dashboard", "signin",
)  # fmt: skip
OUT = Path("var/bench.json")


def main(names: list[str]) -> None:
    """Run the named sections, all of them when none is named."""
    unknown = sorted(set(names) - set(SECTIONS))
    if unknown:
        raise SystemExit(f"no section {unknown[0]}; there are {', '.join(SECTIONS)}")
    figures: list[Figure] = []
    for name in names or SECTIONS:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        figures += _section(name)
    print(table(figures))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(_sheet(figures), indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten to {OUT}", file=sys.stderr)


def _section(name: str) -> list[Figure]:
    """Measure in a process of its own, so that no section warms or binds anything for the next."""
    code = (
        "import json, sys; from importlib import import_module as m;"
        f" figures = m('benchmarks.{name}').measure();"
        " from dataclasses import asdict; json.dump([asdict(f) for f in figures], sys.stdout)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return [Figure(**row) for row in json.loads(done.stdout)]


def _sheet(figures: list[Figure]) -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {_processor()}",
        "figures": [figure.as_json() for figure in figures],
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main(sys.argv[1:])
