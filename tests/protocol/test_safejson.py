"""JSON from outside is taken whole or refused in a sentence."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError
from fieldstation.protocol.safejson import DEEPEST, LONGEST, decode_json

documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab"), inner, max_size=4),
    max_leaves=12,
)


def refusal(data: bytes) -> str:
    with pytest.raises(CodecError) as caught:
        decode_json(data)
    assert "\n" not in str(caught.value)
    return caught.value.kind


@given(document=documents, ascii_only=st.booleans())
def test_what_json_can_say_is_read_as_it_was_said(document: object, ascii_only: bool) -> None:
    assert decode_json(json.dumps(document, ensure_ascii=ascii_only).encode()) == document


@given(data=st.binary() | st.text('[]{}",:\\ud8eE+-.0123NaInfity').map(str.encode))
def test_any_bytes_are_a_document_or_a_refusal(data: bytes) -> None:
    with suppress(CodecError):
        decode_json(data)


def test_deep_and_long_documents_are_refused() -> None:
    assert decode_json(b"[" * DEEPEST + b"]" * DEEPEST)
    assert refusal(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1)) == "too_deep"
    assert refusal(b'{"a":' * 30_000) == "too_long"
    assert refusal(b"[" * LONGEST) == "too_deep"
    assert refusal(b" " * (LONGEST + 1)) == "too_long"


def test_brackets_within_a_text_are_no_levels() -> None:
    assert decode_json(rb'["\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]') == ['"' + "[" * 35]


@pytest.mark.parametrize(
    "text", ["NaN", "-Infinity", "1e400", "-1e999", "9223372036854775808", "1" * 5000, "0.5e+309"]
)
def test_numbers_that_nothing_can_hold_are_refused(text: str) -> None:
    assert refusal(f'{{"a": [{text}]}}'.encode()) == "bad_number"


def test_a_key_that_comes_twice_is_refused() -> None:
    assert refusal(b'{"a": {"b": 1, "b": 1}}') == "double_key"


def test_half_of_a_surrogate_pair_is_refused() -> None:
    assert decode_json(b'"\\ud83d\\ude00"') == "\U0001f600"
    assert refusal(b'"\\ud83d"') == "not_json"


@pytest.mark.parametrize("data", [b"", b"{", b"1 2", b"\xff", b"\xef\xbb\xbf{}", b"'a'"])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    assert refusal(data) == "not_json"


def test_a_document_of_unfinished_texts_is_looked_at_once() -> None:
    assert refusal(b'"' + rb"\"" * 32_000) == "not_json"
    assert refusal(b'"' + rb"\"" * 32_000 + b"\\") == "not_json"
