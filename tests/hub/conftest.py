"""One real hub for each test process: uvicorn on a free port, Django, the series store."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from fieldstation.batch import Announcement, Batch, encode
from fieldstation.hub import run
from fieldstation.hub.accounts.hashers import SmallArgon2
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust, Value

PASSWORD = "a long way to the sea"
INGEST = "/api/v1/ingest"
BATCH_TYPE = "application/vnd.fieldstation.batch"

LAYOUT = Layout(
    "axpert",
    "status",
    (
        Channel("battery_voltage", Kind.NUMBER, "V", "Battery voltage", decimals=1, headline=True),
        Channel("load_power", Kind.INTEGER, "W", "Load"),
        Channel("mode", Kind.ENUM, label="Mode", codes={1: "Line", 2: "Battery"}),
        Channel("load_on", Kind.FLAG, label="Load switched on"),
        Channel("note", Kind.TEXT, label="Note"),
    ),
)
ROW: tuple[Value, ...] = (51.2, 430, 2, True, "well")
# A password's hash takes 30 ms of a processor; thousands of accounts get one that takes none.
LIGHT_HASH = {"time_cost": 1, "memory_cost": 8}
FULL_HASH = {part: getattr(SmallArgon2, part) for part in LIGHT_HASH}


@dataclass
class Station:
    """A station as the hub meets it: a key, one run with its own sequence."""

    client: httpx.Client
    name: str
    key: str
    boot: bytes = field(default_factory=lambda: os.urandom(16))
    sequence: int = 0
    number: int = 0

    @property
    def slug(self) -> str:
        return self.name

    def batch(
        self,
        rows: Sequence[Sequence[Value]] = (ROW,),
        *,
        instrument: str = "inverter",
        layout: Layout = LAYOUT,
        start_us: int | None = None,
        step_us: int = 10_000_000,
        announce: bool = True,
    ) -> bytes:
        """The next readings of this run, sealed. Without `start_us` the last one is from now."""
        if start_us is None:
            start_us = time.time_ns() // 1000 - step_us * (len(rows) - 1)
        first = self.sequence + 1
        kept = tuple(
            Kept(
                first + place,
                Reading(
                    instrument,
                    layout,
                    Instant(start_us + place * step_us, 1_000_000 + place, self.boot, Trust.SYNCED),
                    tuple(row),
                ),
            )
            for place, row in enumerate(rows)
        )
        self.sequence += len(rows)
        self.number += 1
        words = (Announcement(instrument, layout, step_us, "9293", "VM-5000"),) if announce else ()
        return encode(Batch(self.boot, self.number, first, self.sequence, kept, words))

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        """Send a batch with this station's key."""
        usual = {"Authorization": f"Bearer {self.key}", "Content-Type": BATCH_TYPE}
        return self.client.post(INGEST, content=body, headers=usual | headers)

    def send(self, rows: Sequence[Sequence[Value]] = (ROW,), **options: Any) -> httpx.Response:
        """Seal the next readings and send them; the receipt has to come."""
        answer = self.post(self.batch(rows, **options))
        assert answer.status_code == 200, answer.text
        return answer


@dataclass
class Hub:
    """The running hub, and what tests need to reach it."""

    url: str
    data: Path
    scp_port: int = 0

    def client(self) -> httpx.Client:
        """A browser's worth of cookies, nobody signed in."""
        return httpx.Client(base_url=self.url, timeout=20)

    def sign_in(
        self, client: httpx.Client, name: str, password: str, **more: str
    ) -> httpx.Response:
        """Send the sign-in form as its page gives it."""
        form = {"name": name, "password": password, "csrfmiddlewaretoken": self.token(client)}
        return client.post("/login", data=form | more)

    def token(self, client: httpx.Client, path: str = "/login") -> str:
        """The token in the first form of a page."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(path).text)
        assert found
        return found[1]


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    data = tmp_path_factory.mktemp("hub")
    listener = run.listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    os.environ["FIELDSTATION_HUB_URL"] = url
    run.setup(data)
    for part, cost in LIGHT_HASH.items():
        setattr(SmallArgon2, part, cost)
    ready = threading.Event()
    scp = run.listen("127.0.0.1", 0)
    server = run.HubServer(run.server_config(), ready.set, scp)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert ready.wait(30), "the hub did not start"
        yield Hub(url, data, scp.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(30)
        scp.close()
        from django.db import connections

        connections.close_all()
        for variable in ("FIELDSTATION_HUB_URL", "FIELDSTATION_HUB_DATA"):
            os.environ.pop(variable, None)


@pytest.fixture
def anyone(hub: Hub) -> Iterator[httpx.Client]:
    with hub.client() as client:
        yield client


@pytest.fixture
def name(hub: Hub) -> str:
    """The user name of a new account with the usual password; it owns the first site."""
    return make_account("owner")


def make_account(role: str = "", site: str = "home") -> str:
    """The user name of a new account, a member of the site when a role is named."""
    from fieldstation.hub.accounts.signup import create_account
    from fieldstation.hub.sites import people
    from fieldstation.hub.sites.home import home

    home()
    unique = f"user-{secrets.token_hex(4)}"
    user = create_account(unique, PASSWORD, f"{unique}@example.org")
    if role:
        people.join(user, people.site_of(site), people.role_of(role))
    return unique


@pytest.fixture
def person(hub: Hub, anyone: httpx.Client, name: str) -> httpx.Client:
    """A client that is signed in."""
    assert hub.sign_in(anyone, name, PASSWORD).status_code == 302
    return anyone


@pytest.fixture
def new_person(hub: Hub) -> Iterator[Callable[..., httpx.Client]]:
    """Makes clients of new accounts that are signed in: `new_person("viewer", "home")`."""
    with ExitStack() as clients:

        def make(role: str = "", site: str = "home") -> httpx.Client:
            client = clients.enter_context(hub.client())
            name = make_account(role, site)
            assert hub.sign_in(client, name, PASSWORD).status_code == 302
            client.headers["X-Name"] = name
            return client

        yield make


@pytest.fixture
def new_station(hub: Hub) -> Iterator[Callable[[], Station]]:
    with hub.client() as client:

        def make() -> Station:
            from fieldstation.hub.stations import keys

            unique = f"station-{secrets.token_hex(4)}"
            return Station(client, unique, keys.add_gateway(unique))

        yield make


@pytest.fixture
def station(new_station: Callable[[], Station]) -> Station:
    return new_station()
