"""`POST /api/v1/ingest` as a bare ASGI application: one batch in, one receipt out.

1. Nothing is read before the key looks like one and the declared size fits; no more than the limit
   is ever held (test_body_beyond_the_limit_is_refused_unread).
2. Every refusal is a problem (RFC 9457) whose status says who can act: 401 a person, 409 the
   station with the layouts named, 413 and 422 the station with another batch, 503 time.
3. A client that dribbles is let go (test_a_client_that_dribbles_is_let_go).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from fieldstation.errors import BatchRefused, CodecError, FieldstationError, KeyRejected, StoreError
from fieldstation.hub import runtime
from fieldstation.hub.bodies import Unread, whole
from fieldstation.hub.ingest.desk import Accepted, Verdict
from fieldstation.hub.problem import CONTENT_TYPE, problem
from fieldstation.hub.stations.keys import PREFIX
from fieldstation.series.api import UnknownLayout

PATH = "/api/v1/ingest"
BATCH_TYPE = b"application/vnd.fieldstation.batch"
LARGEST_BODY = 1 << 20
RETRY_AFTER_S = 10

JSON = (b"content-type", b"application/json")
PROBLEM = (b"content-type", CONTENT_TYPE.encode())

Reply = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers, body."""


@dataclass(frozen=True, slots=True)
class Door:
    """What may come in at one address: its media type, the code of a refusal of any other, most
    bytes, and the sentence for more of them.
    """

    media_type: str
    other_type: str
    most_bytes: int
    too_large: str


DOOR = Door(
    BATCH_TYPE.decode(), "not-a-batch", LARGEST_BODY,
    "A batch has at most {} bytes; send fewer readings at once.",
)  # fmt: skip


class Refusal(Exception):
    """The request cannot become an upload; `close` when unread bytes are still on the way."""

    def __init__(self, status: int, kind: str, detail: str, *, close: bool = False) -> None:
        super().__init__(detail)
        self.status, self.kind, self.close = status, kind, close


async def ingest(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application."""
    try:
        key = key_of(scope, DOOR)
        body = await body_of(receive, DOOR)
        verdict: Verdict = await runtime.running().desk.submit(key, body)
    except Refusal as refusal:
        await refuse(send, refusal)
        return
    except StoreError as error:
        verdict = error
    await reply(send, *_answer(verdict))


def key_of(scope: Any, door: Door) -> str:
    """The key of a request whose head is in order. Raises Refusal."""
    if scope["method"] != "POST":
        raise Refusal(405, "method-not-allowed", "Send it with POST.", close=True)
    headers: dict[bytes, bytes] = dict(scope["headers"])
    word, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if word.lower() != "bearer" or not key.startswith(PREFIX):
        detail = "Send the gateway's key as 'Authorization: Bearer fsk_...'."
        raise Refusal(401, "key-rejected", detail, close=True)
    sort = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if sort != door.media_type.encode():
        raise Refusal(415, door.other_type, f"The body has to be {door.media_type}.", close=True)
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > door.most_bytes:
        raise _too_large(door)
    return key


async def body_of(receive: Any, door: Door) -> bytes:
    """The body, of which no more than the limit is ever held. Raises Refusal."""
    try:
        return await whole(receive, door.most_bytes)
    except Unread as error:
        raise _too_large(door) if error.status == 413 else cut_short(error) from error


def cut_short(error: Unread) -> Refusal:
    """The refusal of a body that did not come to its end."""
    if error.status == 408:
        detail = "The body came too slowly or stopped on its way; send it again."
        return Refusal(408, "too-slow", detail, close=True)
    return Refusal(400, "incomplete", "The body ended early.", close=True)


def _too_large(door: Door) -> Refusal:
    return Refusal(413, "too-large", door.too_large.format(door.most_bytes), close=True)


def _answer(verdict: Verdict) -> Reply:
    if isinstance(verdict, Accepted):
        receipt = verdict.receipt.as_json() | {"station": verdict.station}
        return 200, [JSON], orjson.dumps(receipt)
    if isinstance(verdict, KeyRejected):
        return rejected(verdict)
    if isinstance(verdict, UnknownLayout):
        text = problem(409, "layout-unknown", str(verdict), layouts=list(verdict.ids))
        return 409, [PROBLEM], text
    if isinstance(verdict, BatchRefused | CodecError):
        return 422, [PROBLEM], problem(422, "batch-refused", str(verdict), code=_code(verdict))
    return later(verdict)


def rejected(error: KeyRejected) -> Reply:
    """The reply to a key that is none."""
    challenge = (b"www-authenticate", b"Bearer")
    return 401, [PROBLEM, challenge], problem(401, "key-rejected", str(error))


def later(error: FieldstationError) -> Reply:
    """The reply while the hub cannot store anything."""
    after = (b"retry-after", str(RETRY_AFTER_S).encode())
    return 503, [PROBLEM, after], problem(503, "store-unavailable", str(error))


def _code(verdict: FieldstationError) -> str:
    return str(getattr(verdict, "code", "") or getattr(verdict, "kind", ""))


async def refuse(send: Any, refusal: Refusal) -> None:
    """Answer a request that cannot become an upload."""
    more = [(b"connection", b"close")] if refusal.close else []
    text = problem(refusal.status, refusal.kind, str(refusal))
    await reply(send, refusal.status, [PROBLEM, *more], text)


async def reply(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send a whole response."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
