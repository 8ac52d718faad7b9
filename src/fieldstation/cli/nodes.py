"""The demo's MQTT nodes: their twins, and the broker that they and the station meet at."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from fieldstation.cli.children import Children
from fieldstation.instruments import registry
from fieldstation.transport.address import MqttPort
from fieldstation.transport.mqtt import publish

# Debian keeps it where only administrators look.
PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
NAMES = {"esp_node": "hall", "json_node": "weather"}


@asynccontextmanager
async def nodes(seed: int, wall: Callable[[], float]) -> AsyncIterator[str]:
    """Let the twin of every heard instrument publish until the block ends; gives the sections of
    the configuration that hear them.
    """
    kinds = [kind for kind in registry.kinds() if registry.listened(kind) is not None]
    if PROGRAM is None:
        print("left out, as mosquitto is not installed: " + ", ".join(kinds), file=sys.stderr)
        yield ""
        return
    async with _broker() as port:
        speakers = [registry.speaker(kind, seed=seed) for kind in kinds]
        tasks = [asyncio.create_task(publish(speaker, wall, port)) for speaker in speakers]
        try:
            yield "\n".join(_section(kind, port) for kind in kinds)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _section(kind: str, port: MqttPort) -> str:
    options: Mapping[str, object] = getattr(registry.module(kind, "simulator"), "OPTIONS", {})
    lines = [f"[instrument.{NAMES.get(kind, kind)}]", f'kind = "{kind}"', f'port = "{port}"']
    lines += [f"{name} = '''\n{value}'''" for name, value in options.items()]
    return "\n".join(lines) + "\n"


@asynccontextmanager
async def _broker() -> AsyncIterator[MqttPort]:
    """A broker of its own on a free port of this machine, gone at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = MqttPort("127.0.0.1", listener.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="fieldstation-broker-") as folder:
        file = Path(folder) / "mosquitto.conf"
        file.write_text(f"listener {port.port} {port.host}\nallow_anonymous true\nlog_dest none\n")
        async with Children() as children:
            await children.run("broker", str(PROGRAM), "-c", str(file))
            yield port
