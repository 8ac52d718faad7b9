"""Reference pages made from the program itself: `make docs` writes them, a test compares them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from fieldstation import errors
from fieldstation.cli import instrument_pages
from fieldstation.cli.app import app
from fieldstation.instruments import registry

NOTE = "<!-- Made from the program by `make docs`; do not edit. -->\n\n"


def pages() -> dict[str, str]:
    """Every generated page: its path below `docs`, and its text."""
    made = {
        "reference/commands.md": NOTE + _commands(),
        "reference/channels.md": NOTE + _channels(),
        "reference/errors.md": NOTE + _errors(),
        "instruments/index.md": NOTE + instrument_pages.index(),
    }
    for kind in registry.kinds():
        made[f"instruments/{kind}.md"] = NOTE + instrument_pages.page(kind)
    return made


# --- channels ---


def _channels() -> str:
    parts = ["# Channels\n\nWhat every instrument measures, in the words of its channel tables.\n"]
    for kind in registry.kinds():
        tables = instrument_pages.tables(registry.layouts(kind))
        parts.append(f"## [{kind}](../instruments/{kind}.md)\n\n{tables}")
    return "\n".join(parts) + "\n"


# --- errors ---


def _errors() -> str:
    lines = [
        "# Errors and exit codes\n",
        "A command that fails prints one sentence on standard error and leaves with its error's"
        " code. 0 is success, 2 also a wrong option, 130 an interruption, 70 a defect of the"
        " program.\n",
        "| error | exit code | meaning |\n| --- | ---: | --- |",
    ]
    for depth, kind in _tree(errors.FieldstationError, 0):
        meaning = (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")
        lines.append(f"| {'&emsp;' * depth}`{kind.__name__}` | {kind.exit_code} | {meaning} |")
    return "\n".join(lines) + "\n"


def _tree(
    kind: type[errors.FieldstationError], depth: int
) -> Iterator[tuple[int, type[errors.FieldstationError]]]:
    yield depth, kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child, depth + 1)


# --- commands ---


def _commands() -> str:
    group = typer.main.get_command(app)
    parts = ["# Commands\n\nEvery command says the same with `--help`.\n"]
    parts += _sections(group, "fieldstation")
    return "\n".join(parts)


def _sections(command: Any, name: str) -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is not None:
        for child_name, child in children.items():
            yield from _sections(child, f"{name} {child_name}")
        return
    yield f"## {name}\n\n{inspect.cleandoc(command.help or '')}\n"
    rows = [f"| {_usage(one)} | {_meaning(one)} |" for one in command.params if one.name != "help"]
    if rows:
        yield "| parameter | meaning |\n| --- | --- |\n" + "\n".join(rows) + "\n"


def _usage(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{(parameter.metavar or parameter.name).upper()}`"
    return ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))


def _meaning(parameter: Any) -> str:
    text = getattr(parameter, "help", None) or ""
    default = parameter.default
    if default not in (None, False, "", ()) and not callable(default):
        text += f" Default: `{default}`."
    return text.strip().replace("|", "\\|")


def main(folder: Path) -> None:
    """Write all pages below `folder`."""
    for path, text in pages().items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
