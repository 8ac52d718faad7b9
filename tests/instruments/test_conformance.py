"""The conformance kit over every instrument folder."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from itertools import islice

import pytest
from fuzz.codecs import Subject, spoiled
from hypothesis import given, note, settings
from hypothesis import strategies as st

from fieldstation.instruments import registry
from fieldstation.testing.conformance import CHECKS, Folder, impurity

# Inputs to each codec; so many follow from one draw, which alone costs as much as they do.
SPOILED, TOGETHER = 20_000, 100


@pytest.mark.parametrize("kind", registry.kinds())
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_instrument_keeps_the_rules(check: Callable[[Folder], None], kind: str) -> None:
    check(Folder(kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", registry.kinds())
def test_many_spoiled_frames_raise_nothing_foreign(kind: str) -> None:
    subject, fed = Subject(kind), 0

    @settings(max_examples=SPOILED // TOGETHER, deadline=None)
    @given(st.randoms(use_true_random=True))
    def any_frames(chance: random.Random) -> None:
        nonlocal fed
        for name, data in islice(spoiled(subject, chance), TOGETHER):
            note(f"{name or 'a frame'}: {data.hex()}")
            subject.feed(name, data)
            fed += 1

    any_frames()
    assert fed >= SPOILED


@pytest.mark.parametrize(
    "code",
    [
        "import time",
        "from os import path",
        "import random",
        "open('log.txt')",
        "datetime.now()",
        "async def wait(): ...",
        "from fieldstation.transport.link import Link",
        "from fieldstation.instruments import registry",
        "import fieldstation.journal",
    ],
)
def test_impure_code_is_seen(code: str) -> None:
    assert any(impurity(node, "axpert") for node in ast.walk(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "from datetime import UTC, datetime",
        "from fieldstation.model import Channel",
        "from fieldstation.instruments.chance import chance",
        "from fieldstation.instruments.axpert import channels",
    ],
)
def test_pure_code_is_let_through(code: str) -> None:
    assert not any(impurity(node, "axpert") for node in ast.walk(ast.parse(code)))


def test_reaching_into_another_instrument_is_seen() -> None:
    node = ast.parse("from fieldstation.instruments.axpert import codec").body[0]
    assert impurity(node, "their_meter") == "reaches into fieldstation.instruments.axpert"
