"""The catalogues of the hub's texts: compiled when the project is built, renewed by `make texts`.

1. A text is found where it is written: in templates between translate tags, in Python and in the
   pages' scripts as a literal given to gettext or one of its kin, and in the tables of units and
   instruments.
2. There are two catalogues for each language, `django.po` and `djangojs.po`. The first becomes a
   .mo file in the format of the GNU gettext manual, section "The Format of GNU MO Files": little
   endian, sorted by original, no hash table. The second becomes the JSON that pages bring for
   their scripts.
3. Renewing keeps every translation whose original still stands, and the comment at the top; a new
   text comes with an empty translation, which is not compiled: English is shown. The tests refuse
   it but for the tables of instruments, as a new instrument is one new folder.
4. Read of a .po file is what these files use: msgctxt, msgid, msgid_plural and msgstr as quoted
   strings on one or several lines, and comments.
"""

from __future__ import annotations

import ast
import json
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

LOCALE = Path("src/fieldstation/hub/locale")
_LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?)\s+)?("(?:[^"\\]|\\.)*")')
_LITERAL = r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CALL = re.compile(rf"\b(_|gettext|ngettext|pgettext|npgettext)\(\s*{_LITERAL}(?:,\s*{_LITERAL})?")


class Text(NamedTuple):
    """An original: its context (or nothing), the text, its plural (or nothing)."""

    context: str
    one: str
    many: str = ""


# --- compiling ---


def entries(text: str) -> list[dict[str, str]]:
    """The entries of a .po file, each with its keywords. Raises ValueError for a line that is
    nothing of the kind.
    """
    found: list[dict[str, str]] = []
    word = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            word = ""
            continue
        told = _LINE.fullmatch(line.strip())
        if told is None or not (told[1] or word):
            raise ValueError(f"This is no line of a catalogue: {line!r}")
        if told[1] == "msgctxt" or (told[1] == "msgid" and word != "msgctxt"):
            found.append({})
        word = told[1] or word
        found[-1][word] = found[-1].get(word, "") + ast.literal_eval(told[2])
    return found


def compiled(text: str) -> bytes:
    """The .mo file of a .po file."""
    rows = sorted(_row(entry) for entry in entries(text) if all(_forms(entry)))
    count = len(rows)
    place = 28 + 16 * count
    tables, strings = [b"", b""], b""
    for side in (0, 1):
        for row in rows:
            tables[side] += struct.pack("<II", len(row[side]), place + len(strings))
            strings += row[side] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, place)
    return head + tables[0] + tables[1] + strings


def as_json(text: str) -> str:
    """The catalogue as scripts read it: a text, or a list of its forms, by its original."""
    found = {
        entry["msgid"]: forms if "msgid_plural" in entry else forms[0]
        for entry in entries(text)[1:]
        if all(forms := _forms(entry))
    }
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def compile_all(folder: Path) -> None:
    """Compile every catalogue below this folder, each beside its source."""
    for source in folder.rglob("*.po"):
        text = source.read_text(encoding="utf-8")
        if source.stem == "djangojs":
            source.with_suffix(".json").write_text(as_json(text), encoding="utf-8")
        else:
            source.with_suffix(".mo").write_bytes(compiled(text))


def _forms(entry: dict[str, str]) -> list[str]:
    return [entry[word] for word in sorted(entry) if word.startswith("msgstr")]


def _row(entry: dict[str, str]) -> tuple[bytes, bytes]:
    key = entry["msgid"]
    if "msgctxt" in entry:
        key = f"{entry['msgctxt']}\4{key}"
    if "msgid_plural" in entry:
        key = f"{key}\0{entry['msgid_plural']}"
    return key.encode(), "\0".join(_forms(entry)).encode()


# --- finding texts ---


def originals(hub: Path) -> dict[str, list[Text]]:
    """The texts of each catalogue by the name of its file, in the order of the source. Needs the
    project's packages, which the build does not have.
    """
    pages = [*in_templates(hub / "templates"), *in_code(hub), *in_units(), *in_instruments()]
    scripts = in_scripts(hub / "static/hub")
    return {"django.po": _united(pages), "djangojs.po": _united(scripts)}


def in_templates(folder: Path) -> Iterator[Text]:
    """Texts of Django's templates."""
    from django.utils.translation.template import templatize

    for file in sorted(folder.rglob("*.*")):
        yield from _calls(templatize(file.read_text(encoding="utf-8"), file.name))


def in_scripts(folder: Path) -> Iterator[Text]:
    """Texts of JavaScript modules."""
    for file in sorted(folder.glob("*.js")):
        yield from _calls(file.read_text(encoding="utf-8"))


def in_code(folder: Path) -> Iterator[Text]:
    """Texts of Python modules, by whatever name they import the functions of gettext."""
    for file in sorted(folder.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {
            one.asname or one.name: one.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
            for one in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                given = [one.value for one in node.args if isinstance(one, ast.Constant)]
                word = names.get(node.func.id, "")
                if "gettext" in word and len(given) > word.startswith(("p", "np")):
                    yield _text(word, [str(one) for one in given[:3]])


def in_units() -> Iterator[Text]:
    """The quantities of the table of units, as headings write them."""
    from fieldstation.model.unit import UNITS

    for unit in UNITS.values():
        yield Text("", unit.quantity.capitalize())


def in_instruments() -> Iterator[Text]:
    """What the tables of the instruments are called, their labels, the labels of their codes, and
    the headings that pages make of labels.
    """
    from fieldstation.hub.instruments import sections
    from fieldstation.hub.instruments.pictures import pictures
    from fieldstation.hub.instruments.words import plain_label
    from fieldstation.instruments import registry

    for kind in registry.kinds():
        channels = [channel for layout in registry.layouts(kind) for channel in layout.channels]
        labels = [registry.title(kind), *map(plain_label, channels)]
        labels += [picture["title"] for picture in pictures(channels) if "title" in picture]
        for group in sections.lamps(kind, channels):
            labels += [group.title, *(lamp.label for lamp in group.lamps)]
        yield from (Text("channel", label) for label in labels if label)
        yield from (Text("state", label) for one in channels for label in one.codes.values())


def _calls(source: str) -> Iterator[Text]:
    for word, *literals in _CALL.findall(source):
        yield _text(word, [ast.literal_eval(one) for one in literals if one])


def _text(word: str, given: list[str]) -> Text:
    context = given.pop(0) if word.startswith(("p", "np")) else ""
    return Text(context, given[0], given[1] if "ngettext" in word or "npg" in word else "")


def _united(texts: Iterable[Text]) -> list[Text]:
    """Each text once; with its plural when it has one anywhere."""
    found: dict[tuple[str, str], Text] = {}
    for text in texts:
        known = found.get(text[:2])
        if known is None or (text.many and not known.many):
            found[text[:2]] = text
    return list(found.values())


# --- renewing ---


def renewed(text: str, wanted: Iterable[Text]) -> str:
    """The .po file with exactly these texts, and what it knows of them."""
    head, *known = entries(text)
    by_key = {(entry.get("msgctxt", ""), entry["msgid"]): entry for entry in known}
    count = int(re.search(r"nplurals=(\d)", head["msgstr"])[1])  # type: ignore[index]  # has one
    comment = "".join(f"{line}\n" for line in text.splitlines() if line.startswith("#"))
    parts = [comment + 'msgid ""\nmsgstr ""\n' + _wrapped(head["msgstr"])]
    for one in wanted:
        entry = by_key.get(one[:2], {})
        lines = [f"msgctxt {_quoted(one.context)}"] if one.context else []
        lines.append(f"msgid {_quoted(one.one)}")
        if one.many:
            lines.append(f"msgid_plural {_quoted(one.many)}")
            words = [f"msgstr[{form}]" for form in range(count)]
        else:
            words = ["msgstr"]
        lines += [f"{word} {_quoted(entry.get(word, ''))}" for word in words]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _wrapped(text: str) -> str:
    return "".join(f"{_quoted(line)}\n" for line in text.splitlines(keepends=True))


def main() -> None:
    """Renew and compile all catalogues; tell what has no translation yet."""
    for name, wanted in originals(LOCALE.parent).items():
        for file in sorted(LOCALE.glob(f"*/LC_MESSAGES/{name}")):
            text = renewed(file.read_text(encoding="utf-8"), wanted)
            file.write_text(text, encoding="utf-8")
            missing = [entry["msgid"] for entry in entries(text)[1:] if not all(_forms(entry))]
            print(f"{file}: {len(wanted)} texts, {len(missing)} without a translation")
    compile_all(LOCALE)


if __name__ == "__main__":
    main()
