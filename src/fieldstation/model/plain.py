"""Words from elsewhere on one line of a terminal or a log."""

from __future__ import annotations

# Joins the parts of some pictograms and steers nothing.
JOINER = "\u200d"


def plain(text: str) -> str:
    """The text with every character that could steer a terminal, end the line or turn its direction
    round written as its code: `\\x1b`, `\\n`, `\\u202e`.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == JOINER else _code(one) for one in text)


def _code(one: str) -> str:
    return one.encode("unicode_escape").decode("ascii")
