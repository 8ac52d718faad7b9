"""What the command line asks of the hub: prepare it, run it, and keep its gateways and accounts.

Every function takes the data folder; one process serves one folder.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType

import django
import uvicorn
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connections

from fieldstation.errors import BadRequest, ConfigError
from fieldstation.hub import datafolder

# Requests that are under way when the hub is told to end get this long.
GRACE_S = 5


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """One gateway as `list_gateways` tells it. Times are UTC."""

    name: str
    slug: str
    created: datetime
    last_seen: datetime | None
    revoked_at: datetime | None


def setup(data: Path) -> None:
    """Create or upgrade what the data folder holds. Raises ConfigError when it cannot be used."""
    datafolder.prepare(data)
    _configure(data)
    call_command("migrate", interactive=False, verbosity=0)
    connections.close_all()


def serve(
    data: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    url: str = "",
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run the hub until SIGINT or SIGTERM. `port` 0 takes a free one; `url` is the address people
    type when a proxy stands in front; `ready` is told the address once requests are answered.
    Raises ConfigError when the port is taken.
    """
    listener = listen(host, port)
    with listener:
        own = _address(listener)
        os.environ["FIELDSTATION_HUB_URL"] = url or os.environ.get("FIELDSTATION_HUB_URL") or own
        setup(data)
        HubServer(server_config(), lambda: ready(own) if ready else None).run([listener])


def add_gateway(data: Path, name: str) -> str:
    """Register a station and return its key, which is shown this once. Raises BadRequest."""
    setup(data)
    from fieldstation.hub.stations import keys

    return keys.add_gateway(name)


def revoke_gateway(data: Path, name: str) -> None:
    """Refuse a station's key from its next request on. Raises NotFound."""
    setup(data)
    from fieldstation.hub.stations import keys

    keys.revoke(name)


def list_gateways(data: Path) -> list[GatewayRow]:
    """All gateways by name, revoked ones too."""
    setup(data)
    from fieldstation.hub.stations.models import Gateway

    return [
        GatewayRow(one.name, one.slug, one.created, one.last_seen, one.revoked_at)
        for one in Gateway.objects.all()
    ]


def add_user(data: Path, name: str, password: str, email: str = "") -> None:
    """Create an account. Raises BadRequest when the name is taken or the password is weak."""
    setup(data)
    from fieldstation.hub.accounts.signup import create_account

    try:
        create_account(name, password, email)
    except ValidationError as error:
        raise BadRequest(" ".join(error.messages)) from error


def _configure(data: Path) -> None:
    from django.apps import apps
    from django.conf import settings

    os.environ["FIELDSTATION_HUB_DATA"] = str(data.resolve())
    os.environ["DJANGO_SETTINGS_MODULE"] = "fieldstation.hub.settings"
    if not apps.ready:
        django.setup()
    if data.resolve() != settings.DATA:
        raise ConfigError(f"This process serves {settings.DATA} already; use another for {data}.")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigError when the address is taken or not this computer's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"The hub cannot listen on {host} port {port}: {error.strerror}. "
            "End the program that uses it, or choose another port."
        ) from error
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_config() -> uvicorn.Config:
    """How uvicorn runs the hub."""
    behind_proxy = os.environ["FIELDSTATION_HUB_URL"].startswith("https:")
    return uvicorn.Config(
        "fieldstation.hub.asgi:application",
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        # Only a proxy on this computer is believed about the client's address and scheme.
        proxy_headers=behind_proxy,
        forwarded_allow_ips="127.0.0.1",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=1000,
    )


class HubServer(uvicorn.Server):
    """Says when it is ready, ends live streams before it waits for connections, and returns after a
    signal where uvicorn would raise it again.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        from fieldstation.hub import runtime

        await runtime.running().live.end_streams()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
