"""The pages of the instruments, and what the word "supported" rests on: counted, never claimed.

1. A kind decodes what its vectors hold, each of which is a test.
2. A kind converses when a test on the wire names it: a module `test_*_wire.py` of the project's
   tests or of its folder, with its name as a text or an import
   (`test_a_kind_converses_when_a_test_on_the_wire_names_it`).
3. A kind is proven when a report from a real unit lies in its folder.
4. Options, channels, models and faults of a page come from the program
   (`test_a_generated_page_is_as_the_program_would_write_it_now`).
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from fieldstation.instruments import registry
from fieldstation.instruments.faults import FAULTS, PLUGS, SPOKEN
from fieldstation.model import Channel, Layout, Option

TESTS = Path(__file__).parents[3] / "tests/instruments"
WIRE = "test_*_wire.py"
OPTIONS, CHANNELS = "<!-- options -->", "<!-- channels -->"
HEAD = """# Instruments

What the word *supported* rests on. **Decodes**: frames that decode as their source says, a test
each. **Converses**: tests in which the driver talks to the twin, or hears it, over the real
transport. **Proven**: a report from a real unit, which lies in the instrument's folder as
`proven.md`.

| instrument | kind | decodes | converses | proven |
| --- | --- | ---: | --- | --- |
"""
FAULTS_HEAD = """
## Faults that any twin can show

`fieldstation twin KIND --fault NAME` shows it always, `NAME:0.1` one time in ten, `NAME*3` the next
three times; `--seed` decides which. `fieldstation demo --fault KIND.NAME:0.1` orders it of one
instrument of the demo, without `KIND.` of all that know it. The page of each instrument lists
those that only it has.

"""


def index() -> str:
    """All instruments with their evidence, and the faults that any twin can show."""
    rows = "".join(_row(kind) for kind in registry.kinds())
    of_lines = {name: inspect.getdoc(spoil) or "" for name, spoil in FAULTS.items()}
    shelves = (("reply on a line", of_lines), ("plug (in the demo)", PLUGS), ("node", SPOKEN))
    return HEAD + rows + FAULTS_HEAD + "\n".join(_faults(*shelf) for shelf in shelves)


def _faults(what: str, faults: Mapping[str, str]) -> str:
    rows = (f"| `{name}` | {_sentence(meaning)} |\n" for name, meaning in faults.items())
    return f"| fault of any {what} | what happens |\n| --- | --- |\n{''.join(rows)}"


def _row(kind: str) -> str:
    count = sum(len(json.loads(file.read_text("utf-8"))) for file in _vectors(kind))
    tests = ", ".join(f"`{file.name}`" for file in conversing(kind))
    proven = "yes" if (_folder(kind) / "proven.md").is_file() else "not yet"
    cells = (f"[{_title(kind)}]({kind}.md)", f"`{kind}`", str(count), tests or "no", proven)
    return f"| {' | '.join(cells)} |\n"


def conversing(kind: str) -> list[Path]:
    """The tests on the wire that name a kind."""
    files = [*sorted(TESTS.glob(WIRE)), *sorted(_folder(kind).glob(WIRE))]
    return [file for file in files if kind in _names_in(file)]


@cache
def _names_in(file: Path) -> frozenset[str]:
    """All that a test module names: its texts, and the parts of its imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        match node:
            case ast.Constant(value=str(text)):
                found.add(text)
            case ast.ImportFrom(module=str(module)):
                found.update(module.split("."), (alias.name for alias in node.names))
    return frozenset(found)


def page(kind: str) -> str:
    """The page of a kind, its tables filled in, and what its twin can be ordered to do."""
    text = (_folder(kind) / "page.md").read_text(encoding="utf-8")
    text = text.replace(OPTIONS, _options(kind)).replace(CHANNELS, tables(registry.layouts(kind)))
    return f"{text.rstrip()}\n\n{_twin(kind)}"


def _folder(kind: str) -> Path:
    return Path(inspect.getfile(registry.module(kind, "channels"))).parent


def _title(kind: str) -> str:
    text = (_folder(kind) / "page.md").read_text(encoding="utf-8")
    return text.partition("# ")[2].partition("\n")[0]


def _vectors(kind: str) -> list[Path]:
    return sorted((_folder(kind) / "vectors").glob("*.json"))


# --- options ---


def _options(kind: str) -> str:
    rows = [
        f"| `{one.name}` | {_default(one)} | {_allowed(one)} | {_sentence(one.meaning)} |"
        for one in registry.options(kind)
    ]
    return "\n".join(
        ("| option | default | values | meaning |", "| --- | --- | --- | --- |", *rows)
    )


def _default(option: Option) -> str:
    return "none" if option.default == "" else _written(option.default)


def _written(value: object) -> str:
    """A value as TOML has it."""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _allowed(option: Option) -> str:
    if option.choices:
        return ", ".join(map(_written, option.choices))
    if isinstance(option.default, bool):
        return "`true`, `false`"
    if isinstance(option.default, str):
        return "text"
    return _span(option.low, option.high)


def _sentence(text: str) -> str:
    return (text[:1].upper() + text[1:]).removesuffix(".").replace("|", "\\|")


# --- channels ---


def tables(layouts: Iterable[Layout]) -> str:
    """The channel tables of these layouts."""
    return "\n\n".join(_table(layout) for layout in layouts)


def _table(layout: Layout) -> str:
    rows = [
        f"| `{channel.name}` | {channel.label} | {channel.unit} | {_range(channel)} |"
        for channel in layout.channels
    ]
    head = "| channel | meaning | unit | range or codes |\n| --- | --- | --- | --- |"
    return f"### {layout.name}\n\n{head}\n" + "\n".join(rows)


def _range(channel: Channel) -> str:
    if channel.codes:
        return ", ".join(f"{code} {label}" for code, label in channel.codes.items())
    if channel.kind == "flag" and channel.low is None and channel.high is None:
        return "yes or no"
    return _span(channel.low, channel.high)


def _span(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    first, last = ("" if end is None else f"{end:.12g}" for end in (low, high))
    return f"{first} to {last}".strip()


# --- the twin ---


def _twin(kind: str) -> str:
    """How to have the instrument without having one."""
    simulator = registry.module(kind, "simulator")
    heard = registry.listened(kind) is not None
    where = "publishes what a real one would" if heard else "answers as a real one would"
    of_all = SPOKEN if heard else FAULTS
    own = [f"| `{name}` | {meaning} |" for name, meaning in simulator.FAULTS.items()]
    return "\n".join(_twin_lines(kind, where, simulator.PROFILES, [*of_all], own)) + "\n"


def _twin_lines(
    kind: str, where: str, profiles: Iterable[str], of_all: Iterable[str], own: list[str]
) -> Iterator[str]:
    first, *others = profiles
    instead = f"; with `--profile` {_words(others)}" if others else ""
    yield "## Without hardware\n"
    yield f"`fieldstation twin {kind}` {where}. It is a `{first}`{instead}."
    yield f"With `--fault` it misbehaves as any other: {_words(of_all)}."
    if own:
        yield "It also knows these:\n\n| fault | what it does |\n| --- | --- |"
        yield from own


def _words(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
