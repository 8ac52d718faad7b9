"""The way to the hub, as bad as it comes: an HTTP transport that loses, doubles and falsifies."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import httpx

GOOD, DOWN, PORTAL, BROKEN = "good", "down", "portal", "broken"
_PORTAL = b"<html><title>Welcome to the guest network</title></html>"


class Wire(httpx.AsyncBaseTransport):
    """Leads to the application that `reach` was last given. `mode` is the weather; in good weather
    `harm` is the share of exchanges that go wrong in one of the seldom ways.
    """

    def __init__(self, rng: random.Random) -> None:
        self.mode = GOOD
        self.harm = 0.0
        self.counts: Counter[str] = Counter()
        self._rng = rng
        self._hub: httpx.AsyncBaseTransport | None = None
        self._old: list[httpx.Request] = []

    def reach(self, hub: httpx.AsyncBaseTransport | None) -> None:
        """Lead to this application from now on; None: nobody listens."""
        self._hub = hub

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange."""
        await request.aread()
        await asyncio.sleep(self._rng.uniform(0.02, 0.4))
        fault = self._fault()
        if fault:
            self.counts[fault] += 1
        if self._hub is None or fault == DOWN:
            raise httpx.ConnectError("nobody answers")
        if fault == PORTAL:
            return _response(200, _PORTAL)
        if fault == BROKEN:
            return _response(self._rng.choice((500, 502, 503, 504)), b"sorry")
        if fault == "lost request":
            raise httpx.ReadError("the connection broke")
        if fault == "flipped":
            request = _flipped(request, self._rng)
        if fault == "old again" and self._old:
            await self._pass(self._rng.choice(self._old))
        response = await self._pass(request)
        if fault == "doubled":
            response = await self._pass(request)
        if fault == "lost reply":
            raise httpx.ReadError("the connection broke")
        if fault != "flipped":
            self._old = [*self._old[-20:], request]
        return response

    def _fault(self) -> str:
        if self.mode != GOOD:
            return self.mode
        if self._rng.random() >= self.harm:
            return ""
        return self._rng.choice(("lost request", "lost reply", "doubled", "old again", "flipped"))

    async def _pass(self, request: httpx.Request) -> httpx.Response:
        assert self._hub is not None
        response = await self._hub.handle_async_request(_again(request))
        await response.aread()
        return _response(response.status_code, response.content)


def _response(status: int, content: bytes) -> httpx.Response:
    """An answer that is read as one from the network is."""
    return httpx.Response(status, stream=httpx.ByteStream(content))


def _again(request: httpx.Request) -> httpx.Request:
    return httpx.Request(
        request.method, request.url, headers=request.headers, content=request.content
    )


def _flipped(request: httpx.Request, rng: random.Random) -> httpx.Request:
    """The request with one bit of its body changed."""
    body = bytearray(request.content)
    body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    return httpx.Request(request.method, request.url, headers=request.headers, content=bytes(body))
