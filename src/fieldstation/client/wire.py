"""Questions to a hub over HTTP, asked again where that can help.

1. Only reading is asked again, after a lost connection, 429, 502, 503 and 504; never more than
   `tries` times (test_a_busy_hub_is_asked_again_and_no_more_than_so_often).
2. The hub's own `Retry-After` counts, up to `LONGEST_WAIT_S`; else the wait doubles
   (test_the_hub_says_how_long_to_wait).
3. Every refusal becomes one of the errors of `fieldstation.errors` with the hub's own sentence
   (test_a_refusal_is_an_error_with_the_hubs_own_words).
"""

from __future__ import annotations

import time
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
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "fieldstation-client"}
        # A redirect is not followed: the token is for this hub alone.
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/api/v1/",
            headers=headers,
            timeout=timeout_s,
            transport=transport,
        )

    def ask(self, path: str, **query: Any) -> dict[str, Any]:
        """The answer to a question, as JSON. Raises FieldstationError."""
        with self.stream(path, **query) as response:
            response.read()
            try:
                answer: dict[str, Any] = response.json()
            except ValueError as error:
                raise HubUnreachable(f"{self._url} answered, but not as a hub does.") from error
            return answer

    @contextmanager
    def stream(self, path: str, **query: Any) -> Iterator[httpx.Response]:
        """An answer that is read piece by piece. Raises FieldstationError."""
        request = self._client.build_request("GET", path, params=_given(query))
        response = self._send(request)
        try:
            if response.status_code != 200:
                response.read()
                raise _error(response)
            yield response
        except httpx.HTTPError as error:
            raise HubUnreachable(f"{self._url} broke off in its answer: {error}.") from error
        finally:
            response.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _send(self, request: httpx.Request) -> httpx.Response:
        for left in range(self._tries - 1, -1, -1):
            wait_s = FIRST_WAIT_S * 2.0 ** (self._tries - 1 - left)
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
    if status in AGAIN or status >= 500:
        return HubUnreachable(detail)
    return BadRequest(detail)
