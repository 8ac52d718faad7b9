"""The demo's people and devices that talk to the hub by HTTP: sensors with their tokens, the old
site's clients, and the owner, who invites somebody.

1. Everything goes over the addresses that anybody uses; nothing is written past them.
2. Devices go on posting whatever the hub answers: it may be away, and people may take a token or a
   switch away from them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx

from fieldstation.cli.past import Span
from fieldstation.cli.posted import OF_OLD_ROUTE, OF_SENSOR, Document, bench
from fieldstation.cli.rehearsal import FIRST_WAIT_S, LONGEST_WAIT_S, TRIES
from fieldstation.errors import HubUnreachable
from fieldstation.sinks.backoff import Backoff

if TYPE_CHECKING:
    from fieldstation.hub.furnished import Furnished

GUEST = "neighbour@example.org"
INVITATIONS = "/api/v1/sites/home/invitations"
# So many documents of the past at once; the hub takes 2,000.
MOST_AT_ONCE = 1000
BENCH_EVERY_S = 20
TIMEOUT_S = 30.0


@asynccontextmanager
async def visit(
    address: str, furnished: Furnished, past: Span | None, seed: int, wall: Callable[[], float]
) -> AsyncIterator[asyncio.Task[None]]:
    """Post until the block ends; before that, bring the sensors' past and invite somebody, unless
    that was done before (`past` None). The task fails with HubUnreachable when the hub refuses.
    """
    work = asyncio.create_task(_visit(address, furnished, past, seed, wall))
    try:
        yield work
    finally:
        work.cancel()
        await asyncio.wait([work])


async def _visit(
    address: str, furnished: Furnished, past: Span | None, seed: int, wall: Callable[[], float]
) -> None:
    async with httpx.AsyncClient(base_url=address, timeout=TIMEOUT_S, trust_env=False) as hub:
        if past is not None:
            began_s = wall()
            for name, sensor in furnished.sensors.items():
                await _bring(hub, name, *sensor, past, seed)
            with suppress(httpx.HTTPError):
                await _post(hub, INVITATIONS, {"role": "editor", "email": GUEST}, furnished.token)
            print(f"sensors   have a past, after {wall() - began_s:.1f} s", file=sys.stderr)
        async with asyncio.TaskGroup() as group:
            for name, (number, token) in furnished.sensors.items():
                make, every_s = OF_SENSOR[name]
                group.create_task(_keep(hub, _readings(number), make, every_s, seed, wall, token))
            for path, (make, every_s) in OF_OLD_ROUTE.items():
                group.create_task(_keep(hub, path, make, every_s, seed, wall))
            path = "/sensors/post-json/" + "/".join(map(quote, furnished.old_posts))
            group.create_task(_keep(hub, path, bench, BENCH_EVERY_S, seed, wall))


async def _bring(
    hub: httpx.AsyncClient, name: str, number: int, token: str, past: Span, seed: int
) -> None:
    """The sensor's documents of the past, each post once however often it has to be tried. Raises
    HubUnreachable.
    """
    make, _ = OF_SENSOR[name]
    documents = [{"time": moment} | make(moment, seed) for moment in past.moments()]
    for at in range(0, len(documents), MOST_AT_ONCE):
        backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
        some = documents[at : at + MOST_AT_ONCE]
        for _ in range(TRIES):
            try:
                await _post(hub, _readings(number), some, token, f"past {at}")
                break
            except httpx.HTTPError:
                await asyncio.sleep(backoff.next_s())
        else:
            raise HubUnreachable(f"the hub did not take the past of the sensor {name!r}")


async def _keep(
    hub: httpx.AsyncClient, path: str, make: Callable[[float, int], Document], every_s: int,
    seed: int, wall: Callable[[], float], token: str = "",
) -> None:  # fmt: skip
    """Post a document every `every_s` seconds, the first one at once."""
    while True:
        with suppress(httpx.HTTPError, HubUnreachable):
            await _post(hub, path, make(wall(), seed), token)
        await asyncio.sleep(every_s - wall() % every_s)


async def _post(
    hub: httpx.AsyncClient, path: str, content: Document | list[Document], token: str, key: str = ""
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Idempotency-Key": key} if key else {}
    answer = await hub.post(path, json=content, headers=headers)
    if answer.is_server_error:
        answer.raise_for_status()
    if answer.is_error:
        raise HubUnreachable(f"the hub did not take a post to {path}: {answer.text[:200]}")


def _readings(number: int) -> str:
    return f"/api/v1/sensors/{number}/readings"
