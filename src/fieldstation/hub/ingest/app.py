"""`POST /api/v1/ingest` as a bare ASGI application: one batch in, one receipt out.

1. Nothing is read before the key looks like one and the declared size fits; no more than the limit
   is ever held (test_body_beyond_the_limit_is_refused_unread).
2. Every refusal is a problem (RFC 9457) whose status says who can act: 401 a person, 409 the
   station with the layouts named, 413 and 422 the station with another batch, 503 time.
3. A client that dribbles is let go after `BODY_WITHIN_S`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from fieldstation.errors import BatchRefused, CodecError, FieldstationError, KeyRejected, StoreError
from fieldstation.hub import runtime
from fieldstation.hub.ingest.desk import Accepted, Verdict
from fieldstation.hub.problem import CONTENT_TYPE, problem
from fieldstation.hub.stations.keys import PREFIX
from fieldstation.series.api import UnknownLayout

PATH = "/api/v1/ingest"
BATCH_TYPE = b"application/vnd.fieldstation.batch"
LARGEST_BODY = 1 << 20
BODY_WITHIN_S = 60.0
RETRY_AFTER_S = 10

_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", CONTENT_TYPE.encode())


class Refusal(Exception):
    """The request cannot become an upload; `close` when unread bytes are still on the way."""

    def __init__(self, status: int, kind: str, detail: str, *, close: bool = False) -> None:
        super().__init__(detail)
        self.status, self.kind, self.close = status, kind, close


async def ingest(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application."""
    try:
        key = _key_of(scope)
        body = await _read(receive)
        verdict: Verdict = await runtime.running().desk.submit(key, body)
    except Refusal as refusal:
        text = problem(refusal.status, refusal.kind, str(refusal))
        more = [(b"connection", b"close")] if refusal.close else []
        await _send(send, refusal.status, text, [_PROBLEM, *more])
        return
    except StoreError as error:
        verdict = error
    status, headers, text = _answer(verdict)
    await _send(send, status, text, headers)


def _key_of(scope: Any) -> str:
    if scope["method"] != "POST":
        raise Refusal(405, "method-not-allowed", "Batches are sent with POST.", close=True)
    headers: dict[bytes, bytes] = dict(scope["headers"])
    word, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if word.lower() != "bearer" or not key.startswith(PREFIX):
        detail = "Send the gateway's key as 'Authorization: Bearer fsk_...'."
        raise Refusal(401, "key-rejected", detail, close=True)
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != BATCH_TYPE:
        detail = f"The body has to be {BATCH_TYPE.decode()}."
        raise Refusal(415, "not-a-batch", detail, close=True)
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > LARGEST_BODY:
        raise _too_large()
    return key


async def _read(receive: Any) -> bytes:
    pieces: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refusal(400, "incomplete", "The body ended early.", close=True)
                pieces.append(message.get("body", b""))
                size += len(pieces[-1])
                more = message.get("more_body", False)
                if size > LARGEST_BODY:
                    raise _too_large()
    except TimeoutError as error:
        detail = f"The body did not arrive within {BODY_WITHIN_S:.0f} s."
        raise Refusal(408, "too-slow", detail, close=True) from error
    return b"".join(pieces)


def _too_large() -> Refusal:
    detail = f"A batch has at most {LARGEST_BODY} bytes; send fewer readings at once."
    return Refusal(413, "too-large", detail, close=True)


def _answer(verdict: Verdict) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    if isinstance(verdict, Accepted):
        receipt = verdict.receipt.as_json() | {"station": verdict.station}
        return 200, [_JSON], orjson.dumps(receipt)
    if isinstance(verdict, KeyRejected):
        challenge = (b"www-authenticate", b"Bearer")
        return 401, [_PROBLEM, challenge], problem(401, "key-rejected", str(verdict))
    if isinstance(verdict, UnknownLayout):
        text = problem(409, "layout-unknown", str(verdict), layouts=list(verdict.ids))
        return 409, [_PROBLEM], text
    if isinstance(verdict, BatchRefused | CodecError):
        return 422, [_PROBLEM], problem(422, "batch-refused", str(verdict), code=_code(verdict))
    later = (b"retry-after", str(RETRY_AFTER_S).encode())
    return 503, [_PROBLEM, later], problem(503, "store-unavailable", str(verdict))


def _code(verdict: FieldstationError) -> str:
    return str(getattr(verdict, "code", "") or getattr(verdict, "kind", ""))


async def _send(send: Any, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
