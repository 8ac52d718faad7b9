"""`POST /api/v1/report` as a bare ASGI application: one report in, one answer out. Checked and
refused as batches are (see `ingest.app`).
"""

from __future__ import annotations

from typing import Any

import orjson

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
        verdict = await runtime.running().reports.submit(key, await body_of(receive, DOOR))
    except Refusal as refusal:
        await refuse(send, refusal)
        return
    except StoreError as error:
        verdict = error
    await reply(send, *_answer(verdict))


def _answer(verdict: Verdict) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    if isinstance(verdict, Answer):
        return 200, [JSON], orjson.dumps(verdict.as_json())
    if isinstance(verdict, KeyRejected):
        return rejected(verdict)
    if isinstance(verdict, CodecError):
        text = problem(422, "report-refused", str(verdict), code=verdict.kind)
        return 422, [PROBLEM], text
    return later(verdict)
