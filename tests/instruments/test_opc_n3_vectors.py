"""Vectors of the OPC-N3 and its adapter that live beside the checkout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fieldstation.instruments import registry

FILE = Path(__file__).parents[3] / "shared/vectors/opc-n3.json"
ENTRIES: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else []

# Prose, and what another program makes of the bytes.
ASIDE = {"note", "original_record"}

needs_vectors = pytest.mark.skipif(not ENTRIES, reason="no shared vectors beside the checkout")


@needs_vectors
def test_the_shared_file_is_whole() -> None:
    assert len(ENTRIES) == 67


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry["id"]))
def test_entry_decodes_as_the_vector_says(entry: dict[str, Any]) -> None:
    found = registry.decode_entry("opc_n3", entry)["decoded"]
    expected = {key: value for key, value in entry["decoded"].items() if key not in ASIDE}
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        exact = value is None or isinstance(value, str | bool) or key == "sequence"
        assert found[key] == (value if exact else pytest.approx(value, rel=1e-9)), key
        assert isinstance(found[key], bool) == isinstance(value, bool), key
