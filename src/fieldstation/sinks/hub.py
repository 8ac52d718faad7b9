"""The hub as a sink: batches and reports by HTTP, receipts and answers back.

1. Only a 200 whose body is a receipt counts. A captive portal answers 200 as well.
   `test_only_a_receipt_that_fits_settles`
2. What a person has to repair (the key) is told apart from what time repairs and from what another
   batch repairs. `test_each_answer_of_the_hub_has_its_own_consequence`
3. The key is read from its file for every request, so a new one counts at once; it never appears in
   a message. `test_a_rejected_key_waits_for_a_person_and_goes_on_with_the_new_key`
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from fieldstation.batch import encode
from fieldstation.batch import report as reports
from fieldstation.batch.model import Batch, Receipt, UnknownLayout
from fieldstation.batch.packed import Packed, encode_packed
from fieldstation.batch.report import Answer, Report
from fieldstation.errors import (
    BatchRefused,
    CodecError,
    ConfigError,
    FieldstationError,
    FrameTooLong,
    HubUnreachable,
    KeyRejected,
)
from fieldstation.sinks.destination import BatchTooLarge, NoReports
from fieldstation.sinks.keyfile import read_key
from fieldstation.sinks.web import Web

PATH = "/api/v1/ingest"
MEDIA_TYPE = "application/vnd.fieldstation.batch"
# A receipt with a thousand missing ranges has 40 kB; what is longer is no receipt.
MOST_RECEIPT_BYTES = 65_536
# An answer with a thousand missing spans has 80 kB.
MOST_ANSWER_BYTES = 131_072
KEY_LOOK_S = 5.0
# What is so was changed on the way, or the hub is too old for it: the readings are not at fault.
NOT_OURS = ("crc_mismatch", "bad_magic", "bad_version")


class HubSink:
    """The hub at `url`. `proxy` "" and `ca_file` None: none."""

    name = "hub"

    def __init__(
        self, url: str, key_file: Path, *, proxy: str = "", ca_file: Path | None = None
    ) -> None:
        self._web = Web(url, proxy=proxy, ca_file=ca_file)
        self._key_file = key_file
        self._key = ""

    @property
    def traffic(self) -> int:
        """As `Destination.traffic`."""
        return self._web.traffic

    async def deliver(self, batch: Batch | Packed) -> Receipt:
        """As `Destination.deliver`."""
        # Ten microseconds per reading of pure Python: not on the loop that keeps the polls.
        body = await asyncio.to_thread(_encoded, batch)
        answer = await self._post(PATH, MEDIA_TYPE, body, MOST_RECEIPT_BYTES)
        try:
            return Receipt.from_json(json.loads(answer))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._stranger("receipt") from error

    async def report(self, report: Report) -> Answer:
        """As `Reporter.report`."""
        body = json.dumps(report.as_json(), ensure_ascii=False, separators=(",", ":")).encode()
        if len(body) > reports.MOST_BYTES:
            raise BatchTooLarge(f"the report has {len(body)} bytes")
        answer = await self._post(reports.PATH, reports.MEDIA_TYPE, body, MOST_ANSWER_BYTES)
        try:
            return Answer.from_json(answer)
        except CodecError as error:
            raise self._stranger("answer to a report") from error

    async def renewed(self) -> None:
        """Returns when the key file holds another key than the one that was used."""
        while True:
            await asyncio.sleep(KEY_LOOK_S)
            with suppress(ConfigError):
                if read_key(self._key_file) != self._key:
                    return

    async def aclose(self) -> None:
        """Close the connection."""
        await self._web.aclose()

    async def _post(self, path: str, media_type: str, body: bytes, most: int) -> bytes:
        try:
            self._key = read_key(self._key_file)
        except ConfigError as error:
            raise KeyRejected(str(error)) from error
        status, answer, target = await self._web.post(path, media_type, self._key, body, most)
        if status != 200:
            raise self._refusal(path, status, answer, target)
        return answer

    def _stranger(self, wanted: str) -> HubUnreachable:
        return HubUnreachable(
            f"{self._web.place} answers with something that is no {wanted}; is a login page of"
            " the network in between?"
        )

    def _refusal(self, path: str, status: int, answer: bytes, target: str) -> FieldstationError:
        place, problem = self._web.place, _problem(answer)
        detail = str(problem.get("detail") or problem.get("title") or "")
        if status == 401:
            return KeyRejected(
                f"{place} does not accept the key in {self._key_file}; add the gateway at"
                " the hub again and save its key there"
            )
        if status in (404, 405) and path == reports.PATH:
            return NoReports(f"{place} knows nothing of reports; readings are sent all the same")
        if status == 409 and isinstance(problem.get("layouts"), list):
            return UnknownLayout([str(layout) for layout in problem["layouts"]])
        if status == 413:
            return BatchTooLarge(detail or f"{place} wants smaller batches")
        if status == 422 and (code := str(problem.get("code") or "")):
            if code in NOT_OURS:
                return HubUnreachable(f"{place} did not get what was sent ({detail})")
            return BatchRefused(code, detail)
        return HubUnreachable(_not_now(place, status, detail, target))


def _not_now(place: str, status: int, detail: str, target: str) -> str:
    """The sentence for an answer that says nothing about the batch itself."""
    what = f"{status} {detail}".strip()
    if status == 511:
        return f"the network between here and {place} wants somebody to log in (511)"
    if 300 <= status < 400 and target:
        return (
            f"{place} answers {what} and sends elsewhere, to {target}; is a login page of the"
            " network in between, or is the url right?"
        )
    if 300 <= status < 500 and status not in (408, 425, 429):
        return f"{place} answers {what}; is the url right?"
    return f"{place} is not ready ({what})"


def _encoded(batch: Batch | Packed) -> bytes:
    try:
        return encode_packed(batch) if isinstance(batch, Packed) else encode(batch)
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
