"""POST to one server: bounded in time and size, its bytes counted, its failures in plain words.

1. Redirects are not followed and proxies of the environment not used: a key goes to the server that
   the configuration names and nowhere else. `test_a_redirect_is_not_followed`
2. An exchange ends, however slowly the other side dribbles.
   `test_an_answer_that_dribbles_is_given_up`. A slow line has the time it takes, a dead one is
   noticed by what nobody acknowledges. `test_a_large_batch_gets_through_a_slow_line`,
   `test_a_dead_line_is_noticed_by_what_nobody_acknowledges`
3. What was sent and received counts, also when nothing came of it.
   `test_traffic_is_counted_also_when_nothing_comes_of_it`
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import fieldstation
from fieldstation.batch.contentdigest import HEADER, content_digest, is_intact
from fieldstation.errors import HubUnreachable

if TYPE_CHECKING:
    import httpx

CONNECT_S, ANSWER_S = 10.0, 30.0
# An exchange as a whole; the hub as well gives up bodies that are slower than this.
EXCHANGE_S, SLOWEST_BYTES_PER_S = 60.0, 100.0
# What was sent and is not acknowledged for so long goes nowhere: the modem has another address, or
# the other side lost its power. A packet of a slow line takes a quarter of it.
DEAD_AFTER_S = 60.0
KEEP_S = 120.0
# What the network adds, which this program cannot see. A request and its answer in one packet each:
# two packets, two acknowledgements of 52 bytes (IPv4 and TCP with timestamps), two TLS records.
PER_EXCHANGE = 4 * 52 + 2 * 29
# Larger bodies: 52 bytes for each packet of 1400, an acknowledgement for every second, TLS records.
SHARE = 1 + (52 + 26) / 1400 + 29 / 16_384
# Three packets to connect, four to part; with TLS the chain of certificates (3 to 4 kB) and keys.
PER_CONNECTION, PER_TLS = 7 * 52, 5000


class Web:
    """The server at `url`. `proxy` "" and `ca_file` None: none."""

    def __init__(self, url: str, *, proxy: str = "", ca_file: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self.place = urlsplit(url).netloc
        self._proxy = proxy
        self._ca_file = ca_file
        self._client: httpx.AsyncClient | None = None
        self.traffic = 0

    async def post(
        self, path: str, media_type: str, key: str, body: bytes, most: int
    ) -> tuple[int, bytes, str]:
        """Status, body (at most `most` bytes) and, of a redirect, the place that it names.

        Raises HubUnreachable.
        """
        import httpx

        if self._client is None:
            self._client = await asyncio.to_thread(self._new_client)
        headers = {"authorization": f"Bearer {key}", "content-type": media_type}
        if media_type.endswith("json"):  # a batch has a digest of its own
            headers[HEADER] = content_digest(body)
        self.traffic += PER_EXCHANGE + int(len(body) * SHARE)
        sending_s = len(body) / SLOWEST_BYTES_PER_S
        try:
            async with (
                asyncio.timeout(EXCHANGE_S + sending_s),
                self._client.stream(
                    "POST", self._url + path, content=body, headers=headers,
                    # What the system took may wait there: the answer comes after all of it is sent.
                    timeout=httpx.Timeout(ANSWER_S + sending_s, connect=CONNECT_S),
                    extensions={"trace": self._trace},
                ) as response,
            ):  # fmt: skip
                self._count(response.request.headers.raw)
                self._count(response.headers.raw)
                answer = await self._bounded(response, most)
        except (httpx.HTTPError, httpx.StreamError, OSError, TimeoutError) as error:
            raise HubUnreachable(_reason(error, self.place)) from error
        if not is_intact(answer, response.headers.get(HEADER, "")):
            raise HubUnreachable(f"an answer of {self.place} was changed on the way")
        target = urlsplit(response.headers.get("location", "")).netloc
        return response.status_code, answer, target[:100] if target.isprintable() else ""

    async def aclose(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _bounded(self, response: httpx.Response, most: int) -> bytes:
        answer = bytearray()
        async for piece in response.aiter_raw():
            answer += piece
            self.traffic += int(len(piece) * SHARE)
            if len(answer) > most:
                raise HubUnreachable(f"{self.place} answers without end")
        return bytes(answer)

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            self.traffic += PER_CONNECTION
        elif event == "connection.connect_tcp.complete":
            _notice_death(info["return_value"].get_extra_info("socket"))
        elif event.endswith("start_tls.started"):
            self.traffic += PER_TLS

    def _count(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        # Name, colon, space, value, line end; the first line is about as long as two of them.
        self.traffic += 40 + sum(len(name) + len(value) + 4 for name, value in headers)

    def _new_client(self) -> httpx.AsyncClient:
        import httpx  # 0.1 s and 15 MB, for those stations only that have a hub

        # The certificates of the public authorities take 5 MB; http needs none of them.
        secure = urlsplit(self._url).scheme == "https" or bool(self._proxy)
        return httpx.AsyncClient(
            verify=ssl.create_default_context(cafile=self._ca_file) if secure else False,
            proxy=self._proxy or None,
            trust_env=False,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=KEEP_S),
            headers={
                "user-agent": f"fieldstation/{fieldstation.__version__}",
                "accept-encoding": "identity",
            },
        )


def _notice_death(connection: socket.socket) -> None:
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        for_ms = int(DEAD_AFTER_S * 1000)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, for_ms)


def _reason(error: BaseException, place: str) -> str:
    """What went wrong on the way to `place`, and what to look at."""
    import httpx

    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"{place} shows a certificate that does not hold ({cause.verify_message}); is a"
                " login page of the network in between, or the station's clock wrong?"
            )
        if isinstance(cause, ssl.SSLError):
            return f"{place} does not speak TLS as expected ({cause.reason}); is the url right?"
        if isinstance(cause, socket.gaierror):
            return f"{place} cannot be reached (its name is not known: {cause.strerror})"
        if isinstance(cause, ConnectionRefusedError):
            return f"{place} cannot be reached (nothing listens there)"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return f"{place} cannot be reached (no answer in time)"
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in reason:
        return f"{place} answers with something that is not HTTP ({reason}); is the url right?"
    return f"{place} cannot be reached ({reason})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from error.exceptions
        error = error.__cause__ or error.__context__
