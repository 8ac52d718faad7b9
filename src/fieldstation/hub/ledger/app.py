"""`POST /api/v1/report` as a bare ASGI application: one report in, one answer out. Checked and
refused as batches are (see `ingest.app`). Both carry their digest, so that a report changed on the
way changes nothing (test_a_report_that_was_changed_on_the_way_is_sent_again).
"""

from __future__ import annotations

from typing import Any

import orjson

from fieldstation.batch.contentdigest import HEADER, content_digest, is_intact
from fieldstation.batch.report import MEDIA_TYPE, MOST_BYTES, PATH, Answer
from fieldstation.errors import CodecError, KeyRejected, StoreError
from fieldstation.hub import runtime
from fieldstation.hub.ingest.app import (
    JSON,
    PROBLEM,
    Door,
    Refusal,
    body_of,
    key_of,
    later,
    refuse,
    rejected,
    reply,
)  # fmt: skip
from fieldstation.hub.ledger.reports import Verdict
from fieldstation.hub.problem import problem

__all__ = ["PATH", "report"]

DOOR = Door(MEDIA_TYPE, "not-a-report", MOST_BYTES, "A report has at most {} bytes; say less.")


async def report(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application."""
    try:
        key = key_of(scope, DOOR)
        body = await body_of(receive, DOOR)
        if not is_intact(body, dict(scope["headers"]).get(HEADER.encode(), b"").decode("latin-1")):
            raise Refusal(400, "changed", "The report was changed on the way; send it again.")
        verdict = await runtime.running().reports.submit(key, body)
    except Refusal as refusal:
        await refuse(send, refusal)
        return
    except StoreError as error:
        verdict = error
    await reply(send, *_answer(verdict))


def _answer(verdict: Verdict) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    if isinstance(verdict, Answer):
        text = orjson.dumps(verdict.as_json())
        return 200, [JSON, (HEADER.encode(), content_digest(text).encode())], text
    if isinstance(verdict, KeyRejected):
        return rejected(verdict)
    if isinstance(verdict, CodecError):
        text = problem(422, "report-refused", str(verdict), code=verdict.kind)
        return 422, [PROBLEM], text
    return later(verdict)
