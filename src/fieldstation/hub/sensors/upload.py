"""`POST /api/v1/sensors/{id}/readings` as a bare ASGI application: documents in, an answer out.

1. No more than the body limit is ever held, and a client that dribbles is let go.
2. Every refusal is a problem (RFC 9457): 401 for the token, 413 and 422 for the body, 409 for a key
   that belongs to another body, 429 and 503 with Retry-After.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

import orjson
from django.conf import settings

from fieldstation.errors import CodecError, FieldstationError, KeyRejected, NotFound, StoreError
from fieldstation.hub.api.arrays import rfc3339
from fieldstation.hub.ingest.app import (
    JSON,
    PROBLEM,
    Door,
    Refusal,
    Reply,
    body_of,
    later,
    refuse,
    reply,
)
from fieldstation.hub.problem import problem
from fieldstation.hub.sensors.intake import KeyReused, Post, Taken, TooManyPosts, submit
from fieldstation.hub.sensors.limits import LIMITS
from fieldstation.hub.sensors.tokens import PREFIX

PATH = re.compile(r"/api/v1/sensors/(\d{1,18})/readings\Z", re.ASCII)
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
DOOR = Door(
    "application/json", "not-json", settings.BODY_LIMIT,
    "A post has at most {} bytes; send fewer documents at once.",
)  # fmt: skip


def matches(scope: Any) -> bool:
    """Whether this request is for this application; what is read there goes to the API."""
    return PATH.match(scope["path"]) is not None and scope["method"] == "POST"


async def readings(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application."""
    try:
        post = await _post(scope, receive)
    except Refusal as refusal:
        await refuse(send, refusal)
        return
    try:
        answer = _taken(await submit(post))
    except FieldstationError as error:
        answer = refused(error)
    await reply(send, *answer)


def refused(error: FieldstationError) -> Reply:
    """The reply to a post that is not taken."""
    if isinstance(error, StoreError):
        return later(error)
    if isinstance(error, TooManyPosts):
        after = (b"retry-after", str(error.after_s).encode())
        return 429, [PROBLEM, after], problem(429, "too-many-posts", str(error))
    if isinstance(error, KeyReused):
        return 409, [PROBLEM], problem(409, "key-reused", str(error))
    if isinstance(error, KeyRejected):
        challenge = (b"www-authenticate", b"Bearer")
        return 401, [PROBLEM, challenge], problem(401, "token-rejected", str(error))
    if isinstance(error, NotFound):
        return 404, [PROBLEM], problem(404, "not-found", str(error))
    reason = error.kind if isinstance(error, CodecError) else "refused"
    detail = f"The post was not taken: {error}."
    return 422, [PROBLEM], problem(422, "bad-document", detail, reason=reason)


def _taken(taken: Taken) -> Reply:
    answer: dict[str, Any] = {
        "sensor": taken.sensor,
        "stored": taken.stored,
        "last": rfc3339(taken.last_us),
        "repeated": taken.repeated,
        "ignored": list(taken.ignored),
    }
    return 200, [JSON], orjson.dumps(answer)


async def _post(scope: Any, receive: Any) -> Post:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    word, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if word.lower() != "bearer" or not token.startswith(PREFIX):
        detail = "Send the sensor's token as 'Authorization: Bearer fsn_...'."
        raise Refusal(401, "token-rejected", detail, close=True)
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > DOOR.most_bytes:
        detail = DOOR.too_large.format(DOOR.most_bytes)
        raise Refusal(413, "too-large", detail, close=True)
    found = PATH.match(scope["path"])
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    sort = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    return Post(
        await body_of(receive, DOOR),
        int(found[1]) if found else 0,
        token=token.strip(),
        at=query.get("at", [""])[0],
        key=_key(headers.get(b"idempotency-key", b"")),
        lines=sort in NDJSON,
        several=True,
        own_time=True,
    )


def _key(header: bytes) -> str:
    key = header.decode("latin-1").strip().strip('"')
    if len(key) > LIMITS.key or not key.isprintable():
        detail = f"An Idempotency-Key has at most {LIMITS.key} printable characters."
        raise Refusal(400, "bad-key", detail, close=True)
    return key
