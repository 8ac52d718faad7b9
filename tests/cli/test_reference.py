"""The reference pages say what the program does."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldstation.cli.reference import pages

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
