"""Problem details after RFC 9457: the one shape of every refusal that a program reads."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson

CONTENT_TYPE = "application/problem+json"


def problem(status: int, kind: str, detail: str, **more: Any) -> bytes:
    """The body of a refusal. `kind` is a stable word, repeated as `code` unless `more` has its own;
    `detail` is one sentence with the next step.
    """
    return orjson.dumps(
        {
            "type": f"urn:fieldstation:problem:{kind}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": kind,
            "detail": detail,
            **more,
        }
    )
