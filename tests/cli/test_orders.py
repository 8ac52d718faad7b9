"""Faults ordered for the demo: who shows them, and the list of them in the help."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from fieldstation.cli.app import app
from fieldstation.cli.orders import Orders
from fieldstation.errors import BadRequest, NotFound
from fieldstation.instruments import registry


def test_a_plain_order_goes_to_all_that_know_the_fault() -> None:
    orders = Orders(["silence:0.2", "restart*2"])
    assert all(orders.of(kind)[0] == "silence:0.2" for kind in registry.kinds())
    shown = {kind for kind in registry.kinds() if "restart*2" in orders.of(kind)}
    assert shown == {kind for kind in registry.kinds() if "restart" in registry.known_faults(kind)}
    assert {"emus_bms", "esp_node"} <= shown


def test_an_order_for_a_kind_goes_to_that_kind_alone() -> None:
    orders = Orders(["esp_node.lost_init:0.01"])
    assert orders.of("esp_node") == ("lost_init:0.01",)
    assert not any(orders.of(kind) for kind in registry.kinds() if kind != "esp_node")


@pytest.mark.parametrize(
    ("order", "error", "words"),
    [
        ("silense", NotFound, "'silence'"),
        ("esp_nod.silence", NotFound, "'esp_node'"),
        ("json_node.restart", NotFound, "restart"),
        ("silence:2", BadRequest, "silence:2"),
    ],
)
def test_a_wrong_order_is_one_sentence(order: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Orders([order])


def test_the_help_of_the_demo_lists_every_fault() -> None:
    text = CliRunner().invoke(app, ["demo", "--help"]).output.replace("\n", " ")
    words = set(text.replace(",", " ").split())
    for kind in registry.kinds():
        assert set(registry.known_faults(kind)) <= words, kind
