"""Whole sites under a scripted clock, the short form: a few of the seeds that `make proof` runs."""

from __future__ import annotations

import pytest
from proof.scenario.run import many, scenario

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", [1, 4, 8])
def test_a_stormy_day_loses_and_doubles_nothing(seed: int) -> None:
    outcome = scenario(seed)
    assert outcome.violations == []
    assert outcome.judgement.accepted > 1000
    assert outcome.judgement.named == outcome.judgement.costly


def test_a_stormy_day_with_the_real_hub_adds_up() -> None:
    (outcome,) = many([4], real_hub=True, workers=1, told=lambda _: None)
    assert outcome.violations == []
    assert outcome.judgement.accepted > 1000
