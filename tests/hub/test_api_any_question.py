"""Any question at all gets an answer that the description foresees: never a defect, never another
shape. `FIELDSTATION_QUESTIONS=1000` asks longer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks

from .apiworld import Person, settled

QUESTIONS = int(os.environ.get("FIELDSTATION_QUESTIONS", "12"))
# What a text means is not in its schema: a range that is empty is refused although it is a text.
UNDECIDABLE = ("positive_data_acceptance", "negative_data_rejection")


@pytest.fixture
def owner(hub: Any, station: Any) -> Iterator[Person]:
    """Somebody whose site is theirs alone: what is done to it hurts no other test."""
    with settled(hub, station) as person:
        yield person


@pytest.mark.slow
def test_any_question_gets_an_answer_as_described(
    hub: Any, owner: Person, station: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings as hub_settings

    monkeypatch.setattr(hub_settings, "API_PER_MINUTE", 1_000_000)
    station.send([(n / 7, n, 1 + n % 2, True, "x") for n in range(50)])
    program = owner.program()
    made = program.post("/api/v1/sensors", json={"name": "any"}).json()
    plot = program.post("/api/v1/plots", json={"query": owner.query}).json()
    board = program.post("/api/v1/dashboards", json={}).json()
    real = {
        "gateway": station.slug, "instrument": "inverter", "number": made["id"],
        "site": owner.site, "plot": plot["id"], "board": board["id"], "form": "png",
    }  # fmt: skip
    schema = schemathesis.openapi.from_url(f"{hub.url}/api/v1/openapi.json")
    asked = 0
    for found in schema.get_all_operations():
        asked += 1
        ask_anything(found.ok(), real, dict(program.headers))
    assert asked >= 80


def ask_anything(operation: Any, real: dict[str, Any], headers: dict[str, str]) -> None:
    left_out = [check for check in checks.CHECKS.get_all() if check.__name__ in UNDECIDABLE]

    @settings(
        max_examples=QUESTIONS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), known=st.booleans())
    def ask(case: Any, known: bool) -> None:
        if known:
            given = {n: value for n, value in real.items() if n in case.path_parameters}
            case.path_parameters = {**case.path_parameters, **given}
        case.call_and_validate(
            headers={"Authorization": headers["authorization"]}, excluded_checks=left_out
        )

    ask()
