"""Vectors that live beside the checkout, shared with other programs of the same instruments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fieldstation.instruments import registry
from fieldstation.instruments.axpert.frame import encode_request, fallback_request
from fieldstation.instruments.axpert.settings import Limits, encode_setting
from fieldstation.testing.conformance import agrees

FILE = Path(__file__).parents[3] / "shared/vectors/axpert.json"
ENTRIES: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else []

SENT = [entry for entry in ENTRIES if entry["request_hex"] is not None]

needs_vectors = pytest.mark.skipif(not ENTRIES, reason="no shared vectors beside the checkout")


def _of(entries: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: str(entry["id"]))


@needs_vectors
def test_the_shared_file_is_whole() -> None:
    assert len(ENTRIES) == 113


@_of(SENT)
def test_reply_decodes_as_the_vector_says(entry: dict[str, Any]) -> None:
    result = registry.decode_entry("axpert", entry)
    if entry.get("expected_error"):
        assert result["error"] == entry["expected_error"]
    else:
        assert agrees(result.get("decoded"), entry["decoded"]), result


@_of(SENT)
def test_request_is_byte_exact_in_both_forms(entry: dict[str, Any]) -> None:
    assert encode_request(entry["command"]).hex() == entry["request_hex"]
    fallback = fallback_request(entry["command"])
    assert (fallback.hex() if fallback else None) == entry.get("request_hex_alternative")


@_of([entry for entry in SENT if entry.get("response_reports")])
def test_reply_in_reports_of_eight_bytes_decodes_alike(entry: dict[str, Any]) -> None:
    joined = entry | {"response_hex": "".join(entry["response_reports"])}
    assert registry.decode_entry("axpert", joined) == registry.decode_entry("axpert", entry)


@_of([entry for entry in ENTRIES if entry["request_hex"] is None])
def test_setting_that_may_not_be_sent_is_refused_as_the_vector_says(entry: dict[str, Any]) -> None:
    assert registry.decode_entry("axpert", entry)["error"] == entry["expected_error"]


@_of([entry for entry in SENT if not entry["command"].startswith("Q") and entry["decoded"]])
def test_setting_that_a_unit_took_may_be_sent(entry: dict[str, Any]) -> None:
    limits = Limits(48, (10, 30, 120))
    assert encode_setting(entry["command"], limits).hex() == entry["request_hex"]
