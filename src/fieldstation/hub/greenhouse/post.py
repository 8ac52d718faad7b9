"""The post routes of the old site as a bare ASGI application: a document in, one sentence out.

Source: wire-compatibility sheet, A.3.

1. The body is JSON whatever its content type says, and only an object is a document.
2. With the sensor's token a post is taken; without one the sensor's or route's switch decides, and
   the rows are marked. Neither: 403.
3. Posts without a token are limited by source address, all posts by sensor: 429.
4. The row's time is the moment of arrival. `X-Measured-At` counts only with a token.
5. A post is answered with success only after its document is durable.
6. Switches and limits are read again every two seconds. Who comes meanwhile goes by what was known;
   only the first crowd after the start waits (test_the_first_crowd_after_a_start_is_let_in).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from fieldstation.errors import (
    CodecError,
    FieldstationError,
    KeyRejected,
    StoreError,
)
from fieldstation.hub import runtime
from fieldstation.hub.greenhouse import house
from fieldstation.hub.greenhouse.limits import SourceLimit
from fieldstation.hub.greenhouse.models import Kind
from fieldstation.hub.greenhouse.words import error_page
from fieldstation.hub.ingest.app import Door, Refusal, body_of, reply
from fieldstation.hub.sensors import intake

TAKEN = "your data has been received."
HTML = (b"content-type", b"text/html; charset=utf-8")
SENSOR_PATH = "/sensors/post-json/"
RETRY_AFTER_S = 10
# The switches and numbers of the stores are read again after this time.
KNOWN_FOR_S = 2.0
_DOOR = Door("application/json", "", settings.BODY_LIMIT, "{}")


@dataclass(frozen=True, slots=True)
class Route:
    """A route of one kind of documents, and what it says to a body that is none."""

    kind: Kind
    not_json: str


ROUTES = {
    "/BMS/post-json": Route(Kind.BMS, "error processing data"),
    "/Tristar/post-json": Route(Kind.TRISTAR, "Data could not be processed."),
    "/Tristar/post-json/daily": Route(Kind.DAILY, "data could not be processed."),
}

Answer = tuple[int, str, int]
"""Status, text or "" for the error page, seconds to wait or 0."""


def is_post(scope: Any) -> bool:
    """Whether this is a request for here: a POST to one of the old post routes."""
    path: str = scope["path"]
    return scope["method"] == "POST" and (
        path in ROUTES or (path.startswith(SENSOR_PATH) and len(path.split("/")) == 5)
    )


class OldPosts:
    """The application."""

    def __init__(self) -> None:
        self._limit = SourceLimit()
        self._looking = asyncio.Lock()
        self._read_at: float | None = None
        self._per_minute = 0
        self._stores: dict[Kind, int] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one POST."""
        status, text, wait_s = await self._answer(scope, receive)
        headers = [HTML]
        if wait_s:
            headers.append((b"retry-after", str(wait_s).encode()))
        if status in (408, 413):
            headers.append((b"connection", b"close"))
        body = text.encode() if text else error_page(status)
        await reply(send, status, headers, body)

    async def _answer(self, scope: Any, receive: Any) -> Answer:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > settings.BODY_LIMIT:
            return 413, "", 0
        await self._look()
        token = _token(headers)
        address = (scope.get("client") or ("",))[0]
        if not token and (wait_s := self._limit.wait_s(address, self._per_minute)):
            return 429, "", wait_s
        try:
            body = await body_of(receive, _DOOR)
        except Refusal as refusal:
            return refusal.status, "", 0
        return await self._submit(scope["path"], body, token, address, headers)

    async def _submit(
        self, path: str, body: bytes, token: str, address: str, headers: dict[bytes, bytes]
    ) -> Answer:
        at = headers.get(b"x-measured-at", b"").decode("latin-1") if token else ""
        route = ROUTES.get(path)
        try:
            if route is not None:
                sensor = self._stores.get(route.kind)
                if sensor is None:
                    return 403, "", 0
                post = intake.Post(body, sensor, token=token, address=address, at=at)
            else:
                owner, name = path.split("/")[3:]
                post = intake.Post(
                    body, owner=owner, name=name, token=token, address=address, at=at
                )
            await intake.submit(post)
        except FieldstationError as error:
            return _refusal(error, route)
        return 200, TAKEN, 0

    async def _look(self) -> None:
        """Read switches and numbers of the stores when they may have changed."""
        if self._fresh() or (self._read_at is not None and self._looking.locked()):
            return
        async with self._looking:
            if not self._fresh():
                self._per_minute, self._stores = await runtime.running().threads.run(_switches)
                self._read_at = time.monotonic()

    def _fresh(self) -> bool:
        return self._read_at is not None and time.monotonic() - self._read_at < KNOWN_FOR_S


def _switches() -> tuple[int, dict[Kind, int]]:
    found = house.house()
    per_minute = found.posts_per_minute if found else house.USUAL_POSTS_PER_MINUTE
    return per_minute, house.stores()


def _refusal(error: FieldstationError, route: Route | None) -> Answer:
    if isinstance(error, intake.UnknownOwner):
        return 404, "Username is incorrect.", 0
    if isinstance(error, intake.UnknownSensor):
        return (403, "", 0) if route else (404, "Sensor not found.", 0)
    if isinstance(error, KeyRejected):
        return 403, "", 0
    if isinstance(error, intake.TooManyPosts):
        return 429, "", error.after_s
    if isinstance(error, CodecError):
        return 400, route.not_json if route else "", 0
    if isinstance(error, StoreError):
        return 503, "", RETRY_AFTER_S
    raise error


def _token(headers: dict[bytes, bytes]) -> str:
    word, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token.strip() if word.lower() == "bearer" else ""
