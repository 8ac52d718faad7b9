"""The texts in other languages: whole, with the same placeholders, and none left outside them."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HUB = ROOT / "src/fieldstation/hub"
LANGUAGES = ["de", "es", "zh_Hans"]
FILES = [HUB / f"locale/{language}/LC_MESSAGES" for language in LANGUAGES]
# Contexts of what the tables of instruments say; a new one may wait for its translation.
TABLES = {"channel", "state"}
# What is filled in, in Python, in tags of HTML and in the words of a lamp.
_FILLED = re.compile(r"%\(\w+\)[sdr]|%[sd]|<[^>]+>|\[\w+\]|\{[^}]*\}+")


@pytest.fixture(scope="module")
def catalogues() -> Any:
    """The compiler of the build, which is not part of the package."""
    spec = importlib.util.spec_from_file_location("catalogues", ROOT / "catalogues.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(catalogues: Any, folder: Path, name: str) -> list[dict[str, str]]:
    return list(catalogues.entries((folder / name).read_text())[1:])


def forms(row: dict[str, str]) -> list[str]:
    return [text for word, text in row.items() if word.startswith("msgstr")]


@pytest.mark.parametrize("folder", FILES, ids=LANGUAGES)
def test_no_text_is_left_in_english(catalogues: Any, folder: Path) -> None:
    for name, wanted in catalogues.originals(HUB).items():
        known = {
            (row.get("msgctxt", ""), row["msgid"], row.get("msgid_plural", ""))
            for row in rows_of(catalogues, folder, name)
            if all(forms(row))
        }
        missing = {text for text in set(wanted) - known if text.context not in TABLES}
        assert sorted(missing) == [], "write the translations: make texts"
        assert sorted(known - set(wanted)) == [], "nothing says this any more: make texts"
        assert len(wanted) > (500 if name == "django.po" else 100)
        assert "fuzzy" not in (folder / name).read_text()


@pytest.mark.parametrize("folder", FILES, ids=LANGUAGES)
def test_channels_and_states_of_instruments_are_translated(catalogues: Any, folder: Path) -> None:
    rows = rows_of(catalogues, folder, "django.po")
    assert sum(row.get("msgctxt") in TABLES and all(forms(row)) for row in rows) > 800


@pytest.mark.parametrize("folder", FILES, ids=LANGUAGES)
def test_what_is_filled_in_stays_the_same(catalogues: Any, folder: Path) -> None:
    for name in ("django.po", "djangojs.po"):
        for row in rows_of(catalogues, folder, name):
            holes = sorted(_FILLED.findall(row["msgid"]))
            for text in filter(None, forms(row)):
                assert sorted(_FILLED.findall(text)) == holes, text
                assert text.count("\n") == row["msgid"].count("\n"), text


@pytest.mark.parametrize("folder", FILES, ids=LANGUAGES)
def test_every_text_has_the_plural_forms_that_scripts_know(catalogues: Any, folder: Path) -> None:
    for name in ("django.po", "djangojs.po"):
        (head, *rows) = catalogues.entries((folder / name).read_text())
        rule = re.search(r"Plural-Forms: (.*)", head["msgstr"])
        assert rule
        count = {"nplurals=2; plural=(n != 1);": 2, "nplurals=1; plural=0;": 1}[rule[1]]
        for row in rows:
            assert len(forms(row)) == (count if "msgid_plural" in row else 1), row


def test_the_compiled_file_reads_as_gettext_wants_it(catalogues: Any, tmp_path: Path) -> None:
    import gettext

    text = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    text += '# a comment\nmsgctxt "c"\nmsgid "a"\nmsgstr "ä"\n\nmsgid "n"\nmsgid_plural "ns"\n'
    text += 'msgstr[0] "eins"\nmsgstr[1] "vie"\n"le"\n\nmsgid "later"\nmsgstr ""\n'
    (tmp_path / "x.mo").write_bytes(catalogues.compiled(text))
    with (tmp_path / "x.mo").open("rb") as file:
        found = gettext.GNUTranslations(file)
    assert found.pgettext("c", "a") == "ä"
    assert [found.ngettext("n", "ns", n) for n in (1, 2)] == ["eins", "viele"]
    assert found.gettext("later") == "later", "what has no translation yet stays English"
    assert catalogues.as_json(text) == '{"a":"ä","n":["eins","viele"]}'


def test_renewing_keeps_what_is_known_and_asks_for_what_is_new(catalogues: Any) -> None:
    old = '# words\nmsgid ""\nmsgstr ""\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
    old += 'msgid "a"\nmsgstr "A"\n\nmsgid "gone"\nmsgstr "weg"\n'
    wanted = [catalogues.Text("", "a"), catalogues.Text("c", "a", "as")]
    new = catalogues.renewed(old, wanted)
    assert new.startswith("# words\n")
    assert catalogues.entries(new)[1:] == [
        {"msgid": "a", "msgstr": "A"},
        {"msgctxt": "c", "msgid": "a", "msgid_plural": "as", "msgstr[0]": "", "msgstr[1]": ""},
    ]
    assert catalogues.renewed(new, wanted) == new


# --- nothing outside the catalogues ---

_WORDS = re.compile(r"[A-Za-z]{2,}[0-9]*")
_SENTENCE = re.compile(r"[A-Za-z]{2,} [A-Za-z]")
# Names, units and kinds of files, the same in every language; examples to be typed.
IN_TEMPLATES = {"fieldstation", "UTC", "PIN", "PNG", "SVG", "PDF", "CSV", "VEML7700", "temperature"}
SPOKEN = ("title", "aria-label", "placeholder", "alt")


class Bare(HTMLParser):
    """Collects the words of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.code += tag in ("code", "script")
        for name, value in attrs:
            if name in SPOKEN or (name.startswith("data-") and _SENTENCE.search(value or "")):
                self.found += _WORDS.findall(value or "")

    def handle_endtag(self, tag: str) -> None:
        self.code -= tag in ("code", "script")

    def handle_data(self, data: str) -> None:
        if not self.code:
            self.found += _WORDS.findall(data)


def test_templates_say_nothing_outside_of_translate_tags() -> None:
    bare = {}
    for file in (HUB / "templates").rglob("*.html"):
        text = re.sub(r"(?s){% blocktranslate.*?{% endblocktranslate %}", "", file.read_text())
        page = Bare()
        page.feed(re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", "", text))
        bare[file.name] = set(page.found) - IN_TEMPLATES
    assert {name: words for name, words in bare.items() if words} == {}


# What looks like words in scripts: classes, selectors, fonts, keys, values of the API.
IN_SCRIPTS = re.compile(
    r"(muted|panel|bar|swatch|gap-swatch|day|tbody|header|plot|mark)\b.*|.*sans-serif|Escape|Home"
    r"|None|Arrow\w+|Shift|Enter"
)
_SAID = re.compile(rf"{_SENTENCE.pattern}|^[A-Z][a-z]{{2,}}$")
_JS_TEXT = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')
_JS_GIVEN = re.compile(r'\bn?gettext\((?:\s*"(?:[^"\\]|\\.)*",?)+')
_JS_COMMENT = re.compile(r"/\*.*?\*/|(?:^|\s)//[^\n]*", re.DOTALL)


def test_scripts_say_nothing_outside_of_gettext() -> None:
    bare = []
    for file in (HUB / "static/hub").glob("*.js"):
        text = _JS_GIVEN.sub("", _JS_COMMENT.sub("", file.read_text()))
        for plain, filled in _JS_TEXT.findall(text):
            words = plain or re.sub(r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", "", filled)
            if _SAID.search(words) and not IN_SCRIPTS.fullmatch(words.strip()):
                bare.append(f"{file.name}: {words}")
    assert bare == []


# Programs read what these say, under contracts in English: stations, sensors, old clients; or the
# person who starts the hub.
FOR_PROGRAMS = (
    "ingest/", "ledger/", "legacy/", "stations/register.py", "stations/pins.py",
    "greenhouse/dates.py", "greenhouse/importing.py", "greenhouse/olddatabase.py",
    "greenhouse/post.py", "greenhouse/reads.py", "sensors/desk.py", "sensors/documents.py",
    "sensors/filing.py", "sensors/moments.py", "sensors/posts.py", "sensors/senders.py",
    "sensors/upload.py", "groups.py", "mailfile.py", "datafolder.py", "run.py",
)  # fmt: skip
REFUSALS = {"BadRequest", "NotFound", "StoreUnavailable", "Forbidden", "ValidationError", "Http404"}


def _given(file: Path) -> Iterator[ast.expr]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in REFUSALS:
            yield from node.args


def test_refusals_for_people_are_said_in_their_language() -> None:
    bare = []
    for file in HUB.rglob("*.py"):
        name = str(file.relative_to(HUB))
        for given in [] if name.startswith(FOR_PROGRAMS) else _given(file):
            plain = isinstance(given, ast.Constant) and " " in str(given.value)
            if plain or isinstance(given, ast.JoinedStr):
                bare.append(f"{name}:{given.lineno}")
    assert bare == []
