"""Version 1 of the API is a promise: what the golden description has is there, as it was.

When the API has grown, write the golden file anew from `/api/v1/openapi.json`:
`FIELDSTATION_GOLDEN=write python -m pytest tests/hub/test_api_promise.py`.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

GOLDEN = Path(__file__).with_name("openapi.golden.json")
Document = dict[str, Any]


@pytest.fixture
def present(anyone: httpx.Client) -> Document:
    document: Document = anyone.get("/api/v1/openapi.json").json()
    return document


def promises(document: Document) -> Iterator[tuple[str, str]]:
    """Everything that clients may rely on, as pairs of a place and what is there."""
    for name, schema in document["components"]["schemas"].items():
        for field, one in schema.get("properties", {}).items():
            yield f"{name}.{field}", kind(one)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            place = f"{method.upper()} {path}"
            yield place, ""
            for one in operation.get("parameters", []):
                yield f"{place} ?{one['name']}", kind(one["schema"])
            for status, answer in operation["responses"].items():
                for form, content in answer.get("content", {}).items():
                    yield f"{place} {status} {form}", kind(content["schema"])


def demands(document: Document) -> set[tuple[str, str]]:
    """Everything that a request has to have, as pairs of the route or body and the name."""
    found = set()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            wanted = [one for one in operation.get("parameters", []) if one.get("required")]
            found |= {(path, one["name"]) for one in wanted}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                name = kind(content["schema"])
                schema = document["components"]["schemas"].get(name, {})
                found |= {(name, field) for field in schema.get("required", [])}
    return found


def kind(schema: Document) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(sorted(kind(one) for one in schema["anyOf"]))
    inner = schema.get("items") or schema.get("additionalProperties") or {}
    inside = f" of {kind(inner)}" if isinstance(inner, dict) and inner else ""
    return f"{schema.get('type', 'any')} {schema.get('format', '')}".strip() + inside


def broken(golden: Document, present: Document) -> list[str]:
    """The places where the present description breaks a promise of the golden one."""
    is_there = dict(promises(present))
    lost = [place for place, what in promises(golden) if is_there.get(place) != what]
    known = {*golden["paths"], *golden["components"]["schemas"]}
    new = [one for one in demands(present) - demands(golden) if one[0] in known]
    return lost + [" ".join(one) for one in sorted(new)]


def test_nothing_that_version_1_promised_is_missing_or_of_another_type(present: Document) -> None:
    if os.environ.get("FIELDSTATION_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(present, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert len(list(promises(golden))) > 150
    assert broken(golden, present) == []


def removed_field(document: Document) -> None:
    del document["components"]["schemas"]["InstrumentFacts"]["properties"]["serial"]


def retyped_field(document: Document) -> None:
    schemas = document["components"]["schemas"]
    schemas["InstrumentFacts"]["properties"]["every_s"]["type"] = "string"


def removed_route(document: Document) -> None:
    del document["paths"]["/api/v1/gateways"]


def removed_parameter(document: Document) -> None:
    document["paths"]["/api/v1/gateways/{gateway}/holes"]["get"]["parameters"].pop()


def new_demand(document: Document) -> None:
    more = {"name": "why", "in": "query", "required": True, "schema": {"type": "string"}}
    document["paths"]["/api/v1/gateways"]["get"].setdefault("parameters", []).append(more)


@pytest.mark.parametrize(
    "change", [removed_field, retyped_field, removed_route, removed_parameter, new_demand]
)
def test_a_broken_promise_is_noticed(present: Document, change: Callable[[Document], None]) -> None:
    worse = copy.deepcopy(present)
    change(worse)
    assert broken(present, worse)


def test_what_is_added_breaks_nothing(present: Document) -> None:
    better = copy.deepcopy(present)
    better["components"]["schemas"]["InstrumentFacts"]["properties"]["new"] = {"type": "string"}
    better["paths"]["/api/v1/new"] = better["paths"]["/api/v1/gateways"]
    assert broken(present, better) == []
