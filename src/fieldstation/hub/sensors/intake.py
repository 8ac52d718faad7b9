"""The one way in for documents, whoever brings them.

`accept` is for code that knows the sensor, `submit` for a post whose sender has yet to be checked.
Both return when the documents are durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fieldstation.hub import runtime
from fieldstation.hub.sensors import documents
from fieldstation.hub.sensors.models import Sensor
from fieldstation.hub.sensors.posts import (
    KeyReused,
    NotOpen,
    Post,
    Taken,
    TooManyPosts,
    UnknownOwner,
    UnknownSensor,
)

__all__ = [
    "KeyReused", "NotOpen", "Post", "Taken", "TooManyPosts", "UnknownOwner", "UnknownSensor",
    "accept", "accept_blocking", "accept_named", "submit",
]  # fmt: skip


async def submit(post: Post) -> Taken:
    """Take a post; on the event loop. Raises KeyRejected (NotOpen), NotFound (UnknownOwner,
    UnknownSensor), CodecError, TooManyPosts, KeyReused, StoreError.
    """
    return await runtime.running().posts.submit(post)


async def accept(
    sensor: Sensor | int,
    document: bytes | Mapping[str, Any],
    marked: bool,
    *,
    at_us: int | None = None,
) -> Taken:
    """Keep one document of the sensor, on the event loop; `marked`: it came without a token. Its
    time is `at_us`, else now. Raises as `submit`.
    """
    return await submit(_post(sensor, document, marked, at_us))


def accept_blocking(
    sensor: Sensor | int,
    document: bytes | Mapping[str, Any],
    marked: bool,
    *,
    at_us: int | None = None,
) -> Taken:
    """The same from a request's thread."""
    post = _post(sensor, document, marked, at_us)
    desk = runtime.running().posts
    return asyncio.run_coroutine_threadsafe(desk.submit(post), desk.loop).result()


async def accept_named(
    owner: str, name: str, body: bytes, *, address: str = "", token: str = ""
) -> Taken:
    """Keep one document of the sensor that `owner` calls `name` (letter for letter), when the token
    or the sensor's legacy switch lets it in; its time is now. Raises as `submit`.
    """
    return await submit(Post(body, owner=owner, name=name, address=address, token=token))


def _post(
    sensor: Sensor | int, document: bytes | Mapping[str, Any], marked: bool, at_us: int | None
) -> Post:
    number = sensor if isinstance(sensor, int) else sensor.pk
    body = document if isinstance(document, bytes) else documents.of_content(dict(document)).text
    return Post(body, number, trusted=True, marked=marked, at_us=at_us)
