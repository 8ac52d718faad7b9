"""Posted bytes as documents: whatever comes, and the way into the database and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError
from fieldstation.hub.sensors import documents
from fieldstation.hub.sensors.leaves import Table, channel_name

leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
content = st.dictionaries(
    st.text(),
    st.recursive(leaf, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
)


@given(st.binary() | st.text(alphabet='{}[]",:0123456789eE.-+ \\untrflasNI\n').map(str.encode))
def test_any_bytes_are_documents_or_a_refusal(body: bytes) -> None:
    for lines in (False, True):
        try:
            found = documents.several(body, lines=lines)
        except CodecError:
            continue
        for each in found:
            assert json.loads(each.text) == each.content
            Table({}).fit(each.content)


@pytest.mark.slow
@given(content)
def test_any_object_is_a_row_of_plain_channels(posted: dict[str, Any]) -> None:
    kept = documents.one(json.dumps(posted).encode())
    table = Table({})
    row, _ = table.fit(kept.content)
    assert len(row) in (0, len(table.channels))
    again, _ = table.fit(kept.content, grow=False)
    assert again == row
    names = [channel.name for channel in table.channels]
    assert len(set(names)) == len(names)


@given(st.text())
def test_any_path_has_a_channel_name(path: str) -> None:
    from fieldstation.model import Channel, Kind

    assert Channel(channel_name(path), Kind.NUMBER)


@given(st.binary(), st.binary(max_size=40_000))
def test_what_is_packed_is_unpacked(text: bytes, sample: bytes) -> None:
    assert documents.unpacked(documents.packed(text, sample), sample) == text


def test_a_similar_document_costs_a_few_bytes() -> None:
    sample, text = (
        json.dumps({"VEML7700": {"lux": lux, "white": 2 * lux}, "count": 17}).encode()
        for lux in (912.5, 871.25)
    )
    assert len(documents.packed(text, sample)) < len(text) / 2


@pytest.mark.parametrize("body", [b"[" * 10**6, b'{"a":' * 10**5, b'"' + b"\\" * 10**6])
def test_towers_of_levels_are_refused_before_they_are_built(body: bytes) -> None:
    with pytest.raises(CodecError):
        documents.several(body)
