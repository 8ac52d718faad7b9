"""Asking the unit while it speaks: a line, all lines of a reply, a parameter, several sentences.

Sections are those of the Emus BMS sheet.

1. Every line is noted on the board, whatever was awaited
   (`test_what_stands_between_and_behind_the_lines_does_no_harm`).
2. A reply of many lines has no end mark: it ends when every cell spoke, else with silence
   (`test_a_lost_detail_line_leaves_its_cells_empty`).
3. After the unit's restart mark the line is left alone for two seconds (section 10), also before a
   question is repeated. `test_after_a_restart_the_line_rests_for_two_seconds`,
   `test_a_question_that_met_a_restart_is_repeated_after_the_rest`
4. A parameter's answer is that with its id; others, however late, are only noted.
   `test_the_answer_about_another_parameter_is_not_taken`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from fieldstation.errors import CodecError, InstrumentRefused, LinkTimeout
from fieldstation.instruments.emus_bms import readings
from fieldstation.instruments.emus_bms.board import GREETING, Board
from fieldstation.instruments.emus_bms.fields import Values
from fieldstation.instruments.emus_bms.grammar import line_end
from fieldstation.instruments.emus_bms.lines import decode
from fieldstation.instruments.emus_bms.requests import (
    encode_parameter_read,
    encode_read,
    encode_statistic_read,
)
from fieldstation.model import Conversation, Exchange, Value, ask

# Section 5, timing: to the first line; silence that ends a reply of many lines; between exchanges.
FIRST_LINE_S = 1.0
LAST_LINE_S = 0.3
QUIET_S = 0.05
ATTEMPTS = 3
# Section 10: after a restart stay silent until 2 s after the unit's greeting.
AFTER_RESTART_S = 2.0
# No reply is longer: 254 cells in groups of one.
MOST_LINES = 512

LOGIN = "PW1"
NO_ANSWER = (LinkTimeout, CodecError, InstrumentRefused)

Converse = Callable[[], Conversation[dict[str, Value]]]


def sentence(
    board: Board,
    name: str,
    request: bytes,
    *,
    timeout_s: float = FIRST_LINE_S,
    fits: Callable[[Values], bool] = lambda _values: True,
) -> Exchange[Values]:
    """One line of `name` whose values fit, asked for by `request` (empty: only awaited). Other
    lines go to the board.
    """

    def overhear(line: bytes) -> bool:
        found = board.note(line)
        return found != LOGIN and not (found == name and fits(board.last.get(name, {})))

    def reply(line: bytes) -> Values:
        found, values = decode(line)
        if found == LOGIN:
            raise InstrumentRefused("login_required", "the unit wants a login for this question")
        return values

    quiet_s = board.rest_s(QUIET_S, AFTER_RESTART_S) if request else 0.0
    return Exchange(request, line_end, reply, timeout_s, quiet_s, 1, name, overhear)


def read(board: Board, name: str, attempts: int = ATTEMPTS) -> Conversation[Values]:
    """The answer to `XXn,?`; a broadcast of that name is as good."""
    if board.in_bootloader:
        yield from _await_greeting(board)
    while True:
        attempts -= 1
        # An exchange for each attempt: what was heard meanwhile may tell the line to rest.
        try:
            return (yield from ask(sentence(board, name, encode_read(name))))
        except (LinkTimeout, CodecError) as error:
            board.health["request_timeouts"] += isinstance(error, LinkTimeout)
            if attempts <= 0:
                raise


def _await_greeting(board: Board) -> Conversation[None]:
    """Wait, without a word, for a unit in its bootloader to come back. Raises InstrumentRefused."""
    with suppress(LinkTimeout, CodecError):
        yield from ask(sentence(board, GREETING, b""))
    check_firmware(board)


def check_firmware(board: Board) -> None:
    """Raises InstrumentRefused `bootloader` for a unit that waits for new firmware."""
    if board.in_bootloader:
        raise InstrumentRefused(
            "bootloader", "the unit is in its bootloader; switch its supply off and on"
        )


def read_all(
    board: Board, name: str, complete: Callable[[list[Values]], bool]
) -> Conversation[list[Values]]:
    """All lines that answer `XXn,?`, in order, until `complete` says so or the line is silent."""
    lines = [(yield from read(board, name))]
    while not complete(lines) and len(lines) < MOST_LINES:
        try:
            line = yield from ask(sentence(board, name, b"", timeout_s=LAST_LINE_S))
        except LinkTimeout:
            break
        except CodecError:
            continue
        lines.append(line)
    return lines


def read_cells(board: Board, name: str, cells: int) -> Conversation[list[Values]]:
    """The lines of a per-cell sentence, asked for once more when cells are missing."""

    def complete(found: list[Values]) -> bool:
        return readings.cells_complete(name, found, cells)

    lines = yield from read_all(board, name, complete)
    if not complete(lines):
        lines += yield from read_all(board, name, lambda again: complete(lines + again))
    return lines


def read_parameter(board: Board, number: str) -> Conversation[Values]:
    """One parameter, {} when the unit does not tell it."""

    def fits(values: Values) -> bool:
        return bool(values.get("parameter_id") == number)

    try:
        return (yield from ask(sentence(board, "CF2", encode_parameter_read(number), fits=fits)))
    except NO_ANSWER:
        return {}


def read_parameters(board: Board) -> Conversation[dict[str, Values]]:
    """The parameters that say how the unit is set up, by id; {} for one that it does not tell."""
    found = {}
    for number in readings.PARAMETERS:
        found[number] = yield from read_parameter(board, number)
    return found


def read_statistics(board: Board) -> Conversation[list[Values]]:
    """The lines of all statistics; one that was there before and is missing is asked for alone."""
    lines = yield from read_all(board, "SS1", lambda found: False)
    for number in sorted(board.statistics - {line["statistic_id"] for line in lines}):

        def fits(values: Values, number: int = number) -> bool:
            return bool(values.get("statistic_id") == number)

        request = encode_statistic_read(number)
        with suppress(LinkTimeout, CodecError):
            lines.append((yield from ask(sentence(board, "SS1", request, fits=fits))))
    return lines


def _read_or_take(board: Board, name: str, taken: int) -> Conversation[None]:
    """Ask; a unit that only broadcasts has said it by itself, which will do."""
    try:
        yield from read(board, name)
    except LinkTimeout:
        if board.heard[name] == taken:
            raise


def group(board: Board, names: Sequence[str]) -> Converse:
    """A poll of several sentences that the unit may also have said by itself."""
    taken: dict[str, int] = {}

    def converse() -> Conversation[dict[str, Value]]:
        values: Values = {}
        for place, name in enumerate(names):
            if place == 0 or board.heard[name] == taken.get(name, 0):
                yield from _read_or_take(board, name, taken.get(name, 0))
            taken[name] = board.heard[name]
            values |= board.last[name]
        return values

    return converse
