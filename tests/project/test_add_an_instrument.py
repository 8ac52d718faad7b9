"""The instrument of docs/how-to/add-an-instrument.md is one folder, and keeps every rule."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/add-an-instrument.md"
KIND = "mhz19"
# A file of the folder is a heading with its name, and the first fence behind it.
_FILE = re.compile(
    r"^## `(?P<name>[^`]+)`\n.*?^(?P<fence>```+)\w*\n(?P<text>.*?)^(?P=fence)$", re.M | re.S
)
# What follows knows the folder as if it lay beside those of the program.
BESIDE = """
import sys
from fieldstation import instruments
folder, kind = sys.argv[1:]
instruments.__path__.append(folder)
"""
CHECKED = """
from fieldstation.cli.instrument_pages import conversing, page
from fieldstation.cli.orders import Orders
from fieldstation.cli.stage import cast
from fieldstation.testing.conformance import CHECKS, Folder
for check in CHECKS:
    check(Folder(kind))
assert [one.name for one in cast(1, Orders()) if one.kind == kind] == [kind], "not in the demo"
assert "| `co2` | Carbon dioxide | ppm | 0 to 5000 |" in page(kind)
assert [file.name for file in conversing(kind)] == [f"test_{kind}_wire.py"]
"""
TESTED = """
import pytest
options = ["-q", "-c", "pyproject.toml", "-p", "no:cacheprovider"]
sys.exit(pytest.main([*options, f"{folder}/{kind}"]))
"""


@pytest.mark.slow
def test_the_folder_of_the_page_keeps_every_rule_and_needs_no_other_file(tmp_path: Path) -> None:
    for found in _FILE.finditer(PAGE.read_text(encoding="utf-8")):
        file = tmp_path / KIND / found["name"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found["text"], encoding="utf-8")
    assert len(list((tmp_path / KIND).rglob("*.*"))) == 9
    run(CHECKED, tmp_path)
    assert "2 passed" in run(TESTED, tmp_path)


def run(code: str, folder: Path) -> str:
    """What the code prints."""
    command = [sys.executable, "-c", BESIDE + code, str(folder), KIND]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
