"""What the command line asks of the hub: prepare it, run it, and keep its gateways and accounts.

Every function takes the data folder; one process serves one folder.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import django
import uvicorn
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connections

from fieldstation.errors import BadRequest, ConfigError
from fieldstation.hub import datafolder
from fieldstation.hub.patience import PatientProtocol

if TYPE_CHECKING:
    from fieldstation.hub.furnished import Furnished
    from fieldstation.hub.legacy.listener import Listener

# Requests that are under way when the hub is told to end get this long.
GRACE_S = 5
ENOUGH_FILES = 8192


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """One gateway as `list_gateways` tells it. Times are UTC; `version` "" and `backlog` None: it
    never reported.
    """

    name: str
    slug: str
    created: datetime
    last_seen: datetime | None
    revoked_at: datetime | None
    state: str
    version: str
    backlog: int | None


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
    scp_port: int | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run the hub until SIGINT or SIGTERM. `port` 0 takes a free one; `url` is the address people
    type when a proxy stands in front; `scp_port` switches on the SSH listener for old gateways;
    `ready` is told the address once requests are answered. Raises ConfigError when a port is taken.
    """
    if scp_port is not None and find_spec("asyncssh") is None:
        raise ConfigError(
            "The listener for old gateways needs asyncssh; install it with:"
            " pip install 'fieldstation[hub,scp]'"
        )
    with ExitStack() as sockets:
        listener = sockets.enter_context(listen(host, port))
        scp = None if scp_port is None else sockets.enter_context(listen(host, scp_port))
        own = _address(listener)
        os.environ["FIELDSTATION_HUB_URL"] = url or os.environ.get("FIELDSTATION_HUB_URL") or own
        setup(data)
        _open_files()
        HubServer(server_config(), lambda: ready(own) if ready else None, scp).run([listener])


def add_gateway(data: Path, name: str) -> str:
    """Register a station and return its key, which is shown this once. Raises BadRequest."""
    setup(data)
    from fieldstation.hub.sites import audit
    from fieldstation.hub.stations import keys

    gateway = keys.new_gateway(name)
    audit.note(None, "gateway.added", gateway.name, site=gateway.site, detail="command line")
    return keys.renew(gateway)


def furnish(data: Path, passwords: Mapping[str, str]) -> Furnished:
    """Fill the new hub of the demo, see `showroom`."""
    setup(data)
    from fieldstation.hub import showroom

    return showroom.furnish(passwords)


def revoke_gateway(data: Path, name: str) -> None:
    """Refuse a station's key from its next request on. Raises NotFound."""
    setup(data)
    from fieldstation.hub.sites import audit
    from fieldstation.hub.stations import keys

    gateway = keys.revoke(name)
    audit.note(None, "gateway.revoked", gateway.name, site=gateway.site, detail="command line")


def list_gateways(data: Path) -> list[GatewayRow]:
    """All gateways by name, revoked ones too."""
    setup(data)
    from fieldstation.hub.api.gateways import standing_rows
    from fieldstation.hub.stations.models import Gateway

    found = list(Gateway.objects.all())
    return [
        GatewayRow(
            one.name,
            one.slug,
            one.created,
            datetime.fromisoformat(facts["last_seen"]) if facts["last_seen"] else None,
            one.revoked_at,
            facts["state"],
            facts["version"],
            facts["backlog"],
        )
        for one, facts in zip(found, standing_rows(found, time.time_ns() // 1000), strict=True)
    ]


def choose_sign_up(data: Path, mode: str) -> None:
    """Let from now on everybody, the invited or nobody make accounts. Raises BadRequest."""
    setup(data)
    from fieldstation.hub.accounts import choices
    from fieldstation.hub.sites import audit

    choices.choose_sign_up(mode)
    audit.note(None, "hub.sign-up", mode, detail="command line")


def try_mail(data: Path, to: str) -> bool:
    """Send a test mail; False when the server did not take it."""
    setup(data)
    from fieldstation.hub.accounts.mail import send_test

    return send_test(to)


def set_zone(data: Path, name: str, zone: str) -> None:
    """Read the wall times of an old gateway in this time zone. Raises NotFound, BadRequest."""
    setup(data)
    from fieldstation.hub.legacy import zones

    zones.set_zone(name, zone)


def add_user(
    data: Path,
    name: str,
    password: str,
    email: str = "",
    *,
    operator: bool = False,
    site: str = "",
    role: str = "viewer",
) -> None:
    """Create an account. The first one is the operator and owns the first site; a later one joins
    `site` in this role, or nothing. Raises BadRequest when the name is taken, the password weak or
    the role unknown, NotFound for an unknown site.
    """
    setup(data)
    from fieldstation.hub.sites.people import settle

    try:
        settle(name, password, email, operator=operator, site=site, role=role)
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


def _open_files() -> None:
    """Let the process open as many files as it may: every connection is one, and the usual thousand
    would leave too few for the databases.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(ENOUGH_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_config() -> uvicorn.Config:
    """How uvicorn runs the hub."""
    behind_proxy = os.environ["FIELDSTATION_HUB_URL"].startswith("https:")
    return uvicorn.Config(
        "fieldstation.hub.asgi:application",
        loop="uvloop",
        http=PatientProtocol,
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

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], scp: socket.socket | None = None
    ) -> None:
        """`scp` is where old gateways upload, when they may."""
        super().__init__(config)
        self._ready = ready
        self._scp_socket = scp
        self._scp: Listener | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._scp_socket is not None and not self.should_exit:
            self._scp = await _open_scp(self._scp_socket)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        from fieldstation.hub import runtime

        if self._scp is not None:
            await self._scp.close()
        await runtime.running().live.end_streams()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


async def _open_scp(listening: socket.socket) -> Listener:
    from django.conf import settings

    from fieldstation.hub import runtime
    from fieldstation.hub.legacy.listener import Listener

    listener = Listener(runtime.running().batches)
    await listener.open(listening, settings.DATA)
    return listener
