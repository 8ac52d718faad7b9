"""Vectors of the three I2C sensors that live beside the checkout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fieldstation.instruments import registry

FILE = Path(__file__).parents[3] / "shared/vectors/i2c-sensors.json"
ENTRIES: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else []

needs_vectors = pytest.mark.skipif(not ENTRIES, reason="no shared vectors beside the checkout")


@needs_vectors
def test_the_shared_file_is_whole() -> None:
    assert {entry["device"] for entry in ENTRIES} == {"si7020", "veml7700", "bh1745"}
    assert len(ENTRIES) == 66


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry["id"]))
def test_entry_decodes_as_the_vector_says(entry: dict[str, Any]) -> None:
    found = registry.decode_entry(entry["device"], entry)["decoded"]
    assert found.keys() == entry["decoded"].keys()
    for key, value in entry["decoded"].items():
        exact = value is None or isinstance(value, str | bool)
        assert found[key] == (value if exact else pytest.approx(value, rel=1e-9)), key
        assert isinstance(found[key], bool) == isinstance(value, bool), key
