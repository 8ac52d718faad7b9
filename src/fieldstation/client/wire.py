"""Questions to a hub over HTTP, asked again where that can help.

1. Only reading is asked again, after a lost connection, 429, 502, 503 and 504; never more than
   `tries` times (test_a_busy_hub_is_asked_again_and_no_more_than_so_often).
2. The hub's own `Retry-After` counts, up to `LONGEST_WAIT_S`; else the wait doubles
   (test_the_hub_says_how_long_to_wait).
3. Every refusal becomes one of the errors of `fieldstation.errors` with the hub's own sentence
   (test_a_refusal_is_an_error_with_the_hubs_own_words).
4. An answer that the hub has given before is not sent again while it stays the same
   (test_what_did_not_change_is_not_sent_again). What is kept for that is bounded.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from fieldstation.errors import (
    BadRequest,
    FieldstationError,
    HubUnreachable,
    KeyRejected,
    NotFound,
)

AGAIN = frozenset({429, 502, 503, 504})
LONGEST_WAIT_S = 60.0
FIRST_WAIT_S = 0.5
# Answers that are kept to be asked for again: enough for a program that watches some instruments.
MOST_KEPT, LARGEST_KEPT = 64, 1 << 18


class ChangedMeanwhile(BadRequest):
    """Somebody else has changed it since it was read; read it again, then change it."""


class Wire:
    """The connection to one hub, as one person."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = 30.0,
        tries: int = 4,
        pause: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url, self._tries, self._pause = url, tries, pause
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "fieldstation-client"}
        # A redirect is not followed: the token is for this hub alone.
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/api/v1/",
            headers=headers,
            timeout=timeout_s,
            transport=transport,
        )

    def ask(self, path: str, **query: Any) -> dict[str, Any]:
        """The answer to a question, as JSON; {} where there is none. Raises FieldstationError."""
        body = self._read(path, query)[1]
        return self._decoded(body) if body else {}

    def ask_tagged(self, path: str, **query: Any) -> tuple[dict[str, Any], str]:
        """The same, with the tag of this version of the thing. Raises FieldstationError."""
        tag, body = self._read(path, query)
        return self._decoded(body), tag

    def rows(self, path: str, word: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All rows of a list, page by page, under this word of the answer. Raises
        FieldstationError.
        """
        for page in self.pages(path, **query):
            yield from page[word]

    def pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All pages of an answer. Raises FieldstationError."""
        cursor: str | None = None
        while True:
            page = self.ask(path, **query, cursor=cursor)
            yield page
            cursor = page["next"]
            if cursor is None:
                return

    def change(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, tag: str = ""
    ) -> tuple[dict[str, Any], str]:
        """Change something once; the answer, empty where there is none, and the tag of the new
        version. With `tag` only while the thing is of that version. Raises FieldstationError.
        """
        headers = {"If-Match": tag} if tag else {}
        request = self._client.build_request(method, path, json=body, headers=headers)
        try:
            response = self._client.send(request)
        except httpx.TransportError as error:
            raise HubUnreachable(f"{self._url} cannot be reached: {error}.") from error
        if response.status_code >= 300:
            raise _error(response)
        answer = self._decoded(response.content) if response.content else {}
        return answer, response.headers.get("ETag", "")

    @contextmanager
    def stream(self, path: str, method: str = "GET", **query: Any) -> Iterator[httpx.Response]:
        """An answer that is read piece by piece. Raises FieldstationError."""
        request = self._client.build_request(method, path, params=_given(query))
        with self._answer(request) as response:
            yield response

    def _read(self, path: str, query: dict[str, Any]) -> tuple[str, bytes]:
        request = self._client.build_request("GET", path, params=_given(query))
        where = str(request.url)
        tag, body = self._kept.get(where, ("", b""))
        if tag:
            request.headers["If-None-Match"] = tag
        with self._answer(request) as response:
            if response.status_code == 304:
                self._kept.move_to_end(where)
                return tag, body
            body, tag = response.read(), response.headers.get("ETag", "")
        self._keep(where, tag, body)
        return tag, body

    def _keep(self, where: str, tag: str, body: bytes) -> None:
        self._kept.pop(where, None)
        if tag and len(body) <= LARGEST_KEPT:
            self._kept[where] = (tag, body)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    @contextmanager
    def _answer(self, request: httpx.Request) -> Iterator[httpx.Response]:
        response = self._send(request)
        try:
            if response.status_code not in (200, 204, 304):
                response.read()
                raise _error(response)
            yield response
        except httpx.HTTPError as error:
            raise HubUnreachable(f"{self._url} broke off in its answer: {error}.") from error
        finally:
            response.close()

    def _decoded(self, body: bytes) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(body)
        except ValueError as error:
            raise HubUnreachable(f"{self._url} answered, but not as a hub does.") from error
        return answer

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _send(self, request: httpx.Request) -> httpx.Response:
        tries = self._tries if request.method == "GET" else min(self._tries, 1)
        for left in range(tries - 1, -1, -1):
            wait_s = FIRST_WAIT_S * 2.0 ** (tries - 1 - left)
            try:
                response = self._client.send(request, stream=True)
            except httpx.TransportError as error:
                if not left:
                    raise HubUnreachable(f"{self._url} cannot be reached: {error}.") from error
            else:
                if not left or response.status_code not in AGAIN:
                    return response
                wait_s = _asked_wait_s(response) or wait_s
                response.close()
            self._pause(min(wait_s, LONGEST_WAIT_S))
        raise BadRequest("A question has to be asked at least once; give tries a number from 1.")


def _given(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _asked_wait_s(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() and text.isascii() else 0.0


def _error(response: httpx.Response) -> FieldstationError:
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"{response.request.url} answered {response.status_code}; is this a hub?"
    status = response.status_code
    if status in (401, 403):
        return KeyRejected(detail)
    if status == 404:
        return NotFound(detail)
    if status == 412:
        return ChangedMeanwhile(detail)
    if status in AGAIN or status >= 500:
        return HubUnreachable(detail)
    return BadRequest(detail)
