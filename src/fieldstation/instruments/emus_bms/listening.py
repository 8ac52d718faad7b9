"""Reading a unit without a word to it: what it broadcasts, and nothing else.

For a unit that answers no question while it broadcasts (Emus BMS sheet, section 13, says that some
may), or whose receive line is not connected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fieldstation.errors import CodecError, LinkTimeout
from fieldstation.instruments.emus_bms.asking import (
    ATTEMPTS,
    MOST_LINES,
    Converse,
    sentence,
)
from fieldstation.instruments.emus_bms.board import Board
from fieldstation.instruments.emus_bms.fields import Values
from fieldstation.model import Conversation, Value, ask

# Section 14: a unit that sleeps speaks every 10 s unless it is told otherwise.
PATIENCE_S = 12.0
# Longer than the line is silent within a burst.
PAUSE_S = 0.1


def listen(board: Board, name: str) -> Conversation[Values]:
    """The next `name` that is broadcast. Raises LinkTimeout after PATIENCE_S."""
    awaited = sentence(board, name, b"", timeout_s=PATIENCE_S)
    return (yield from ask(replace(awaited, attempts=ATTEMPTS)))


def catch_up(board: Board) -> Conversation[None]:
    """Hear what waits, to the end of the burst at hand."""
    for _ in range(MOST_LINES):
        try:
            yield from ask(sentence(board, "", b"", timeout_s=PAUSE_S))
        except LinkTimeout:
            return
        except CodecError:
            continue


def group(board: Board, names: Sequence[str]) -> Converse:
    """A poll of sentences that the unit says by itself."""
    taken: dict[str, int] = {}

    def converse() -> Conversation[dict[str, Value]]:
        yield from catch_up(board)
        values: Values = {}
        for name in names:
            if board.heard[name] == taken.get(name, 0):
                yield from listen(board, name)
            taken[name] = board.heard[name]
            values |= board.last[name]
        return values

    return converse
