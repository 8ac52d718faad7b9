"""The hub as a sink: batches by HTTP, receipts back.

1. Only a 200 whose body is a receipt counts. A captive portal answers 200 as well.
   `test_only_a_receipt_that_fits_settles`
2. What a person has to repair (the key) is told apart from what time repairs and from what another
   batch repairs. `test_each_answer_of_the_hub_has_its_own_consequence`
3. The key is read from its file for every batch, so a new one counts at once; it never appears in
   a message. `test_a_rejected_key_waits_for_a_person_and_goes_on_with_the_new_key`
4. Redirects are not followed and proxies of the environment not used: the key goes to the hub that
   the configuration names and nowhere else. `test_a_redirect_is_not_followed`
"""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import fieldstation
from fieldstation.batch import encode
from fieldstation.batch.model import Batch, Receipt, UnknownLayout
from fieldstation.errors import (
    BatchRefused,
    CodecError,
    ConfigError,
    FieldstationError,
    FrameTooLong,
    HubUnreachable,
    KeyRejected,
)
from fieldstation.sinks.destination import BatchTooLarge
from fieldstation.sinks.keyfile import read_key

if TYPE_CHECKING:
    import httpx

PATH = "/api/v1/ingest"
MEDIA_TYPE = "application/vnd.fieldstation.batch"
# A receipt with a thousand missing ranges has 40 kB; what is longer is no receipt.
MOST_ANSWER_BYTES = 65_536
CONNECT_S, ANSWER_S = 10.0, 30.0
KEY_LOOK_S = 5.0


class HubSink:
    """The hub at `url`. `proxy` "" and `ca_file` None: none."""

    name = "hub"

    def __init__(
        self, url: str, key_file: Path, *, proxy: str = "", ca_file: Path | None = None
    ) -> None:
        self._url = url.rstrip("/") + PATH
        self._place = urlsplit(url).netloc
        self._key_file = key_file
        self._proxy = proxy
        self._ca_file = ca_file
        self._key = ""
        self._client: httpx.AsyncClient | None = None

    async def deliver(self, batch: Batch) -> Receipt:
        """As `Destination.deliver`."""
        # Half a millisecond per reading of pure Python: not on the loop that keeps the polls.
        body = await asyncio.to_thread(_encoded, batch)
        try:
            self._key = read_key(self._key_file)
        except ConfigError as error:
            raise KeyRejected(str(error)) from error
        if self._client is None:
            self._client = await asyncio.to_thread(self._new_client)
        status, answer = await self._post(self._client, body)
        if status != 200:
            raise self._refusal(status, answer)
        try:
            return Receipt.from_json(json.loads(answer))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise HubUnreachable(
                f"{self._place} answers with something that is no receipt; is a login page of"
                " the network in between?"
            ) from error

    async def renewed(self) -> None:
        """Returns when the key file holds another key than the one that was used."""
        while True:
            await asyncio.sleep(KEY_LOOK_S)
            with suppress(ConfigError):
                if read_key(self._key_file) != self._key:
                    return

    async def aclose(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _new_client(self) -> httpx.AsyncClient:
        import httpx  # 0.1 s and 15 MB, for those stations only that have a hub

        # The certificates of the public authorities take 5 MB; http needs none of them.
        secure = urlsplit(self._url).scheme == "https" or bool(self._proxy)
        return httpx.AsyncClient(
            verify=ssl.create_default_context(cafile=self._ca_file) if secure else False,
            proxy=self._proxy or None,
            trust_env=False,
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=1, keepalive_expiry=120.0),
            headers={
                "user-agent": f"fieldstation/{fieldstation.__version__}",
                "accept-encoding": "identity",
                "content-type": MEDIA_TYPE,
            },
        )

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> tuple[int, bytes]:
        import httpx

        try:
            async with client.stream(
                "POST", self._url, content=body, headers={"authorization": f"Bearer {self._key}"}
            ) as response:
                answer = bytearray()
                async for piece in response.aiter_raw():
                    answer += piece
                    if len(answer) > MOST_ANSWER_BYTES:
                        raise HubUnreachable(f"{self._place} answers without end")
                return response.status_code, bytes(answer)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise HubUnreachable(f"{self._place} cannot be reached ({reason})") from error

    def _refusal(self, status: int, answer: bytes) -> FieldstationError:
        problem = _problem(answer)
        detail = str(problem.get("detail") or problem.get("title") or "")
        if status == 401:
            return KeyRejected(
                f"{self._place} does not accept the key in {self._key_file}; add the gateway at"
                " the hub again and save its key there"
            )
        if status == 409 and isinstance(problem.get("layouts"), list):
            return UnknownLayout([str(layout) for layout in problem["layouts"]])
        if status == 413:
            return BatchTooLarge(detail or f"{self._place} wants smaller batches")
        if status == 422 and problem.get("code"):
            return BatchRefused(str(problem["code"]), detail)
        if 300 <= status < 500 and status not in (408, 425, 429):
            return HubUnreachable(f"{self._place} answers {status} {detail}; is the url right?")
        return HubUnreachable(f"{self._place} is not ready ({status} {detail})".replace(" )", ")"))


def _encoded(batch: Batch) -> bytes:
    try:
        return encode(batch)
    except FrameTooLong as error:
        raise BatchTooLarge(str(error)) from error
    except CodecError as error:
        raise BatchRefused(error.kind, str(error)) from error


def _problem(answer: bytes) -> dict[str, Any]:
    """A problem document (RFC 9457), empty when the answer is something else."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
