"""A station that polls a twin of every kind of instrument that has a line, each once a second, and
sends to a hub.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.station import at_work
from fieldstation.cli.wire import attached
from fieldstation.instruments import registry
from fieldstation.transport.host import pty_host

HEAD = '[station]\nname = "bench"\ndata = "station"\n'
# The way in which a pty can carry an instrument that is a HID device otherwise.
OPTIONS: Mapping[str, str] = {"se521": 'wire = "serial"\n'}


def measure() -> list[Figure]:
    """Twins answer at once: what is measured is the program, not the speed of lines."""
    Path("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="var") as folder:
        return asyncio.run(_measure(Path(folder).resolve()))


async def _measure(folder: Path) -> list[Figure]:
    kinds = [kind for kind in registry.kinds() if registry.listened(kind) is None]
    site = folder / "site.toml"
    async with AsyncExitStack() as stack:
        sections = [await _section(stack, kind) for kind in kinds]
        site.write_text(HEAD + "".join(sections), encoding="utf-8")
        title = f"site of {len(kinds)} instruments at 1 Hz"
        return await asyncio.to_thread(at_work, folder, site, title, 10.0, 80.0)


async def _section(stack: AsyncExitStack, kind: str) -> str:
    """Serve a twin; the section of the configuration that polls it."""
    twin, prefix = attached(registry.twin(kind, seed=1, fast=True), registry.driver(kind).line)
    port = await stack.enter_async_context(pty_host(twin, time.time))
    name = kind.replace("_", "-")
    return (
        f'[instrument.{name}]\nkind = "{kind}"\nport = "{prefix}{port}"\nevery_s = 1\n'
        f"{OPTIONS.get(kind, '')}"
    )
