"""Django behind ASGI in lasting threads: one change of thread per request, streams included.

1. A body beyond the limit is refused unread (test_django_takes_no_body_beyond_the_limit), and so
   are endless addresses and headers, and what does not arrive
   (test_what_is_too_long_is_refused_before_a_page_looks_at_it,
   test_a_request_that_never_ends_is_given_up).
2. A stream ends when its client has gone (test_a_stream_ends_with_its_client).
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any, cast

from django.conf import settings
from django.core import signals
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from fieldstation.hub.bodies import Unread, whole
from fieldstation.hub.errorpages import unread
from fieldstation.hub.headers import POLICY
from fieldstation.hub.threads import Threads

LONGEST_ADDRESS = 16_384
MOST_HEADER_BYTES = 32_768


class DjangoInThreads(BaseHandler):
    """The ASGI application for all pages and the API."""

    def __init__(self, threads: Threads) -> None:
        super().__init__()
        self._threads = threads
        self.load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            _measure(scope)
            body = await whole(receive, settings.BODY_LIMIT)
        except Unread as refusal:
            await _refuse(scope, send, refusal.status)
            return
        response = await self._threads.run(self._respond, scope, body)
        await _start(send, response.status_code, _headers(response))
        try:
            if isinstance(response, StreamingHttpResponse):
                await self._stream(response, receive, send)
            else:
                await send({"type": "http.response.body", "body": cast(Any, response).content})
        finally:
            await self._threads.run(response.close)

    def _respond(self, scope: Any, body: bytes) -> HttpResponseBase:
        set_script_prefix("/")
        signals.request_started.send(sender=self.__class__, scope=scope)
        response = self.get_response(_request(scope, body))
        if not response.streaming:
            length = len(cast(Any, response).content)
            response.headers.setdefault("Content-Length", str(length))
        return response

    async def _stream(self, response: StreamingHttpResponse, receive: Any, send: Any) -> None:
        gone = asyncio.create_task(_gone(receive))
        pump = asyncio.create_task(_pump(self._pieces(response), send))
        try:
            await asyncio.wait({gone, pump}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            unfinished = [task for task in (gone, pump) if not task.done()]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        if pump.done() and not pump.cancelled():
            pump.result()

    async def _pieces(self, response: StreamingHttpResponse) -> AsyncIterator[bytes]:
        if response.is_async:
            async for piece in cast(AsyncIterable[bytes], response.streaming_content):
                yield piece
            return
        pieces = iter(cast(Iterable[bytes], response.streaming_content))

        def following() -> bytes | None:
            return next(pieces, None)

        # Shielded: a generator that runs in a thread cannot be closed before it has yielded.
        while (row := await asyncio.shield(self._threads.start(following))) is not None:
            yield row


def _request(scope: Any, body: bytes) -> ASGIRequest:
    request = ASGIRequest(scope, io.BytesIO(body))
    # It is here as a whole: whoever has read it as a form does not take it from the next.
    request._body = body
    return request


def _measure(scope: Any) -> None:
    if len(scope["raw_path"] or b"") + len(scope["query_string"]) > LONGEST_ADDRESS:
        raise Unread(414)
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEADER_BYTES:
        raise Unread(431)
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > settings.BODY_LIMIT:
        raise Unread(413)


async def _refuse(scope: Any, send: Any, status: int) -> None:
    body, kind = unread(scope["path"], status)
    headers = {
        "content-type": kind,
        "content-length": str(len(body)),
        "content-security-policy": POLICY,
        "cache-control": "no-store",
        "connection": "close",
    }
    rows = [(name.encode(), value.encode()) for name, value in headers.items()]
    await _start(send, status, rows)
    await send({"type": "http.response.body", "body": body})


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _pump(pieces: AsyncIterator[bytes], send: Any) -> None:
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _headers(response: HttpResponseBase) -> list[tuple[bytes, bytes]]:
    rows = [(name.lower().encode("ascii"), v.encode("latin-1")) for name, v in response.items()]
    cookies = [
        (b"set-cookie", c.output(header="").strip().encode()) for c in response.cookies.values()
    ]
    return rows + cookies


async def _start(send: Any, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
