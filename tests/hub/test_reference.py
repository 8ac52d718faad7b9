"""The API's three descriptions agree: openapi.json, the reference page, the answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import fieldstation.hub as hub_package

PAGE = Path(__file__).parents[2] / "docs/reference/api.md"


@pytest.fixture
def described(anyone: httpx.Client) -> dict[str, Any]:
    document: dict[str, Any] = anyone.get("/api/v1/openapi.json").json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path.replace("{path:instrument}", "{instrument}"), method.upper(), operation


def test_every_operation_and_parameter_is_on_the_reference_page(described: dict[str, Any]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    found = list(operations(described))
    assert len(found) >= 28
    for path, method, operation in found:
        heading = f"### `{method} {path}`\n"
        assert heading in text
        section = text.partition(heading)[2].partition("\n##")[0]
        queries = [one for one in operation.get("parameters", []) if one["in"] == "query"]
        listed = [line.split("`")[1] for line in section.splitlines() if line[:3] == "| `"]
        assert listed == [one["name"] for one in queries], path
        for one in queries:
            default = one["schema"].get("default")
            if default not in (None, "", False):
                assert str(default) in section, f"{path} {one['name']}"


def test_reference_page_names_every_code_of_a_refusal() -> None:
    text = PAGE.read_text(encoding="utf-8")
    made = re.compile(r'(?:problem|Refusal|_refuse)\(\s*\d+,\s*"([a-z-]+)"')
    sources = Path(hub_package.__file__).parent.rglob("*.py")
    codes = {code for path in sources for code in made.findall(path.read_text(encoding="utf-8"))}
    assert len(codes) > 8
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/api/v1/me", "Person"),
        ("/api/v1/instruments", "InstrumentList"),
        ("{one}", "InstrumentDetail"),
        ("{one}/latest", "LatestValues"),
        ("{one}/readings", "ReadingColumns"),
        ("{one}/buckets?channels=battery_voltage,mode", "BucketColumns"),
        ("{one}/states?channels=mode,load_on", "StateColumns"),
    ],
)
def test_answers_have_the_described_shape_and_no_more(
    person: httpx.Client, station: Any, path: str, schema: str
) -> None:
    from fieldstation.hub.api import schemas

    station.send([(51.2, 430, 2, True, "well"), (None, None, None, None, None)])
    answer = person.get(path.format(one=f"/api/v1/instruments/{station.slug}/inverter")).json()
    model = getattr(schemas, schema)
    read = model.model_validate(answer)
    assert set(answer) == set(type(read).model_fields)
