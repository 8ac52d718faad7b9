"""The reference pages say what the program does."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldstation.cli import instrument_pages
from fieldstation.cli.instrument_pages import conversing
from fieldstation.cli.reference import pages
from fieldstation.instruments import registry

DOCS = Path(__file__).parents[2] / "docs"
MADE = pages()


@pytest.mark.parametrize("path", sorted(MADE))
def test_a_generated_page_is_as_the_program_would_write_it_now(path: str) -> None:
    assert (DOCS / path).read_text(encoding="utf-8") == MADE[path], "run: make docs"


def test_every_generated_page_is_linked_from_an_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for path in MADE:
        shelf = MADE["instruments/index.md"] if path.startswith("instruments/") else index
        assert Path(path).name in shelf + index, path


@pytest.mark.parametrize("kind", registry.kinds())
def test_every_instrument_converses_in_a_test(kind: str) -> None:
    assert conversing(kind)


def test_a_kind_converses_when_a_test_on_the_wire_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instrument_pages, "TESTS", tmp_path)
    wire, other = tmp_path / "test_some_wire.py", tmp_path / "test_some_driver.py"
    for file in (wire, other):
        file.write_text('KIND = "esp_node"\nfrom fieldstation.instruments.se521 import driver\n')
    assert conversing("esp_node") == conversing("se521") == [wire]
    wire.with_name("test_more_wire.py").write_text("# esp_node is not meant\nKIND = 1\n")
    assert conversing("esp_node") == [wire]
    assert conversing("json_node") == []


@pytest.mark.parametrize("kind", registry.kinds())
def test_the_page_of_an_instrument_lists_its_options_models_and_faults(kind: str) -> None:
    page = MADE[f"instruments/{kind}.md"]
    names = {option.name for option in registry.options(kind)}
    for name in (*names, *registry.known_faults(kind), *registry.profiles(kind)):
        assert f"`{name}`" in page, name
