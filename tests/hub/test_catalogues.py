"""The texts in other languages: complete, with the same placeholders, and chosen by the browser."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
HUB = ROOT / "src/fieldstation/hub"
CATALOGUES = sorted((HUB / "locale").glob("*/LC_MESSAGES/django.po"))
_LITERAL = r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CALL = re.compile(rf"\b(_|gettext|ngettext|pgettext|npgettext)\(\s*{_LITERAL}(?:,\s*{_LITERAL})?")
Key = tuple[str, str]


def catalogues() -> Any:
    """The compiler of the build, which is not part of the package."""
    spec = importlib.util.spec_from_file_location("catalogues", ROOT / "catalogues.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_templates() -> Iterator[Key]:
    from django.utils.translation.template import templatize

    for file in (HUB / "templates").rglob("*.*"):
        for word, first, second in _CALL.findall(templatize(file.read_text(), file.name)):
            texts = [ast.literal_eval(text) for text in (first, second) if text]
            yield (texts[0], texts[1]) if word.startswith(("pg", "npg")) else ("", texts[0])


def in_code() -> Iterator[Key]:
    for file in HUB.rglob("*.py"):
        tree = ast.parse(file.read_text())
        names = {
            one.asname or one.name: one.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
            for one in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
                word = names.get(node.func.id, "")
                if "gettext" in word and texts:
                    yield (texts[0], texts[1]) if word.startswith("p") else ("", texts[0])


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.parts[-3])
def test_no_text_is_left_in_english(hub: Any, file: Path) -> None:
    known = {
        (one.get("msgctxt", ""), one["msgid"])
        for one in catalogues().entries(file.read_text())
        if all(text for word, text in one.items() if word.startswith("msgstr"))
    }
    wanted = set(in_templates()) | set(in_code())
    assert len(wanted) > 500
    assert sorted(wanted - known) == []


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.parts[-3])
def test_what_is_filled_in_stays_the_same(file: Path) -> None:
    for one in catalogues().entries(file.read_text())[1:]:
        holes = sorted(re.findall(r"%\(\w+\)[sd]|%[sd]|<[^>]+>", one["msgid"]))
        for word, text in one.items():
            if word.startswith("msgstr"):
                assert sorted(re.findall(r"%\(\w+\)[sd]|%[sd]|<[^>]+>", text)) == holes, text


def test_the_browser_chooses_the_language(anyone: httpx.Client) -> None:
    texts = {}
    for language in ("de-AT,de;q=0.9", "en", "eo", ""):
        texts[language] = anyone.get("/login", headers={"Accept-Language": language}).text
    assert '<html lang="de"' in texts["de-AT,de;q=0.9"]
    assert "Benutzername oder E-Mail-Adresse" in texts["de-AT,de;q=0.9"]
    assert all("User name or e-mail" in texts[one] for one in ("en", "eo", ""))


def test_the_compiled_file_reads_as_gettext_wants_it(tmp_path: Path) -> None:
    import gettext

    text = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    text += '# a comment\nmsgctxt "c"\nmsgid "a"\nmsgstr "ä"\n\nmsgid "n"\nmsgid_plural "ns"\n'
    text += 'msgstr[0] "eins"\nmsgstr[1] "vie"\n"le"\n'
    (tmp_path / "x.mo").write_bytes(catalogues().compiled(text))
    with (tmp_path / "x.mo").open("rb") as file:
        found = gettext.GNUTranslations(file)
    assert found.pgettext("c", "a") == "ä"
    assert [found.ngettext("n", "ns", n) for n in (1, 2)] == ["eins", "viele"]
