"""The demo's MQTT nodes: their twins, and the broker that they and the station meet at."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fieldstation.cli.children import Children
from fieldstation.cli.orders import Orders
from fieldstation.instruments import registry
from fieldstation.model import Listened, Speaker, chosen
from fieldstation.transport.address import MqttPort
from fieldstation.transport.mqtt import publish

# Debian keeps it where only administrators look.
PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
USER = "mosquitto"
NAMES = {"esp_node": "hall", "json_node": "weather"}


@dataclass(frozen=True, slots=True)
class Node:
    """One instrument of the demo that is heard; `faults` are the orders for its twin."""

    name: str
    kind: str
    seed: int
    faults: tuple[str, ...]

    def speaker(self) -> Speaker:
        """A new twin of it."""
        return registry.speaker(self.kind, seed=self.seed, faults=self.faults)

    @property
    def options(self) -> Mapping[str, object]:
        """The configuration that hears its twin."""
        return getattr(registry.module(self.kind, "simulator"), "OPTIONS", {})

    @property
    def listened(self) -> Listened:
        """How it is heard."""
        listened = registry.listened(self.kind)
        assert listened is not None
        return listened.configured(chosen(listened.options, self.options))


def cast(seed: int, faults: Orders, *, quiet: bool = False) -> list[Node]:
    """Every kind that publishes; where there is no broker for them none, which is said unless
    `quiet`.
    """
    kinds = [kind for kind in registry.kinds() if registry.listened(kind) is not None]
    if PROGRAM is None:
        if not quiet:
            print("left out, as mosquitto is not installed: " + ", ".join(kinds), file=sys.stderr)
        return []
    return [Node(NAMES.get(kind, kind), kind, seed, faults.of(kind)) for kind in kinds]


@asynccontextmanager
async def on_air(nodes: Sequence[Node], wall: Callable[[], float]) -> AsyncIterator[str]:
    """Let the twins publish until the block ends; gives the sections of the configuration that hear
    them.
    """
    if not nodes:
        yield ""
        return
    async with _broker() as port:
        tasks = [asyncio.create_task(publish(node.speaker(), wall, port)) for node in nodes]
        try:
            yield "\n".join(_section(node, port) for node in nodes)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _section(node: Node, port: MqttPort) -> str:
    lines = [f"[instrument.{node.name}]", f'kind = "{node.kind}"', f'port = "{port}"']
    lines += [f"{name} = '''\n{value}'''" for name, value in node.options.items()]
    return "\n".join(lines) + "\n"


def _unprivileged(folder: str) -> str | None:
    """As whom a broker in this folder runs that root starts. It would change to that user by
    itself, and the kernel would then no longer tell it when the demo dies.
    """
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return None
    if os.geteuid() != 0:
        return None
    Path(folder).chmod(0o755)
    return USER


@asynccontextmanager
async def _broker() -> AsyncIterator[MqttPort]:
    """A broker of its own on a free port of this machine, gone at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = MqttPort("127.0.0.1", listener.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="fieldstation-broker-") as folder:
        file = Path(folder) / "mosquitto.conf"
        file.write_text(f"listener {port.port} {port.host}\nallow_anonymous true\nlog_dest none\n")
        async with Children(lasting=True) as children:
            await children.run("broker", str(PROGRAM), "-c", str(file), user=_unprivileged(folder))
            watch = asyncio.create_task(children.watch())
            try:
                yield port
            finally:
                watch.cancel()
                await asyncio.wait([watch])
