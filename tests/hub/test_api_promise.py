"""Version 1 of the API is a promise: what the golden description has is there, as it was.

1. Nothing disappears or changes its type: routes, parameters, fields, kinds of answers.
2. No request needs more than before, and no limit of what it may say becomes narrower.
3. When the API has grown, write the golden file anew from `/api/v1/openapi.json`:
   `FIELDSTATION_GOLDEN=write python -m pytest tests/hub/test_api_promise.py`. A description that
   breaks the promise is not written.
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


def limits(document: Document) -> dict[tuple[str, str], float]:
    """How far the values of requests may go: the higher, the more is taken. Choices count as so
    many.
    """
    found: dict[tuple[str, str], float] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for one in operation.get("parameters", []):
                found |= bounds(f"{method.upper()} {path} ?{one['name']}", one["schema"])
    for name, schema in document["components"]["schemas"].items():
        for field, one in schema.get("properties", {}).items():
            found |= bounds(f"{name}.{field}", one)
    return found


def bounds(place: str, schema: Document) -> dict[tuple[str, str], float]:
    signs = {"maximum": 1, "maxLength": 1, "maxItems": 1, "minimum": -1, "minLength": -1,
             "minItems": -1}  # fmt: skip
    found = {(place, word): sign * schema[word] for word, sign in signs.items() if word in schema}
    if "enum" in schema:
        found[place, "enum"] = len(schema["enum"])
    return found


def narrowed(golden: Document, present: Document) -> list[str]:
    """The limits that are narrower than they were, or new where there was none."""
    before, now = limits(golden), limits(present)
    known = {place for place, _what in promises(golden)}
    return sorted(
        f"{place} {word}"
        for (place, word), limit in now.items()
        if place in known and limit < before.get((place, word), float("inf"))
    )


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
    return lost + [" ".join(one) for one in sorted(new)] + narrowed(golden, present)


def test_nothing_that_version_1_promised_is_missing_or_of_another_type(present: Document) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert len(list(promises(golden))) > 400
    assert broken(golden, present) == []
    if os.environ.get("FIELDSTATION_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(present, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def test_everything_that_is_there_is_promised(present: Document) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert set(promises(present)) - set(promises(golden)) == set()


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


def narrower_limit(document: Document) -> None:
    for one in document["paths"]["/api/v1/gateways"]["get"]["parameters"]:
        if one["name"] == "limit":
            one["schema"]["maximum"] = 10


def fewer_choices(document: Document) -> None:
    (form,) = (
        one
        for one in document["paths"]["/api/v1/picture.{form}"]["get"]["parameters"]
        if one["name"] == "form"
    )
    form["schema"]["enum"].remove("pdf")


def new_limit(document: Document) -> None:
    document["components"]["schemas"]["NewSite"]["properties"]["name"]["maxLength"] = 5


@pytest.mark.parametrize(
    "change",
    [
        removed_field,
        retyped_field,
        removed_route,
        removed_parameter,
        new_demand,
        narrower_limit,
        fewer_choices,
        new_limit,
    ],
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
