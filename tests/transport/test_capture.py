"""Captures: what passed is written as it passed, read back, played again, and freed of names."""

from __future__ import annotations

import asyncio
import json
import math
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import BadRequest, CodecError
from fieldstation.instruments import captured, registry
from fieldstation.model import Identity, Outgoing, SerialLine, Value
from fieldstation.transport.capture import (
    Answered,
    Capture,
    Header,
    ListeningLink,
    Piece,
    Recorder,
    answered,
    capture_of,
    lines_of,
    settings_of_line,
)
from fieldstation.transport.converse import Runner
from fieldstation.transport.host import pty_host
from fieldstation.transport.opening import open_link
from fieldstation.transport.play import answers, play
from fieldstation.transport.redact import forms_of, redacted
from fieldstation.transport.replay import GAP_S, CaptureTwin
from fieldstation.transport.tap import Passed, Way

NOON_S = 1_779_969_600.0
OUT, IN = Way.OUT, Way.IN

some_pieces = st.lists(
    st.builds(
        Piece,
        st.integers(0, 10**9).map(lambda us: us / 1e6),
        st.sampled_from(Way),
        st.binary(min_size=1, max_size=20),
        st.booleans(),
    ),
    max_size=12,
)


def whole(reply: bytes) -> list[bytes]:
    """A cut for instruments whose replies are one frame."""
    return [reply]


# --- the file ---


@given(some_pieces, st.booleans())
def test_a_capture_is_read_as_it_was_written(pieces: list[Piece], redact: bool) -> None:
    line = settings_of_line(SerialLine(2400))
    header = Header("axpert", line, "fieldstation 1", "2026-11-20T12:00:00.000Z", redact)
    taken = Capture(header, tuple(pieces))
    assert capture_of(lines_of(taken), "a file") == taken


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line"),
        ("{", "line 1 is not JSON"),
        ("[]", "line 1 is no object"),
        ('{"capture": 2, "kind": "axpert"}', "first line"),
        ('{"capture": 1}', "names no kind"),
        ('{"capture": 1, "kind": "axpert"}\n{"t": 0, "way": "up", "hex": ""}', "line 2"),
        ('{"capture": 1, "kind": "axpert"}\n{"t": NaN, "way": "in", "hex": ""}', "line 2"),
        ('{"capture": 1, "kind": "axpert"}\n{"t": 0, "way": "in", "hex": "0"}', "line 2"),
    ],
)
def test_a_file_that_is_no_capture_is_told_by_its_line(text: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        capture_of(text.splitlines(), "night.jsonl")


def test_what_came_belongs_to_what_was_sent_last() -> None:
    said = [
        Piece(0.5, IN, b"morning"),
        Piece(1.0, OUT, b"who"),
        Piece(1.25, IN, b"ec"),
        Piece(1.5, IN, b"ho"),
        Piece(2.0, OUT, b"deaf"),
        Piece(3.0, OUT, b"last"),
    ]
    assert answered(said) == [
        Answered(0.0, b"", ((0.5, b"morning"),)),
        Answered(1.0, b"who", ((0.25, b"ec"), (0.5, b"ho"))),
        Answered(2.0, b"deaf", ()),
        Answered(3.0, b"last", ()),
    ]
    assert answered(said)[1].reply == b"echo"


@given(some_pieces)
def test_no_byte_is_lost_between_requests_and_answers(pieces: list[Piece]) -> None:
    found = answered(pieces)
    assert b"".join(one.reply for one in found) == b"".join(
        piece.data for piece in pieces if piece.way is IN
    )
    assert [one.request for one in found if one.request] == [
        piece.data for piece in pieces if piece.way is OUT
    ]


class Chatterbox:
    """Says the hour without being asked."""

    speaks_every_s = 0.05

    def receive(self, data: bytes, utc_s: float) -> list[Outgoing]:
        return [Outgoing(b"cuckoo ")]


async def test_what_is_said_between_the_rounds_has_its_own_instant() -> None:
    recorder = Recorder()
    heard = asyncio.Event()

    def tap(passed: Passed) -> None:
        recorder(passed)
        if len(recorder.pieces) == 3:
            heard.set()

    async with pty_host(Chatterbox(), time.time) as port:
        link = ListeningLink(await open_link(port, SerialLine()), tap, port)
        async with asyncio.timeout(5):
            await heard.wait()
        assert b"".join(piece.data for piece in recorder.pieces).startswith(b"cuckoo cuckoo")
        assert (await link.drain()).startswith(b"cuckoo cuckoo")
        await link.aclose()
    instants = [piece.t_s for piece in recorder.pieces]
    assert instants[2] - instants[0] > 0.05


# --- played again ---


async def captured_unit(kind: str) -> tuple[Capture, Identity, list[dict[str, Value]]]:
    """A visit to a twin on a pty: its capture, and what was read."""
    driver, recorder = registry.driver(kind), Recorder()
    async with pty_host(registry.twin(kind, seed=5, fast=True), lambda: NOON_S) as port:
        link = ListeningLink(await open_link(port, driver.line), recorder, port)
        runner = Runner(link, resync=driver.resync)
        try:
            identity = await runner.converse(driver.identify())
            values = [await runner.converse(poll.converse()) for poll in driver.plan(identity)]
        finally:
            await link.aclose()
    return Capture(Header(kind), tuple(recorder.pieces)), identity, values


def overheard(kind: str) -> tuple[Capture, Identity]:
    """A visit to a twin in memory, as a capture."""
    driver, taken = registry.driver(kind), list[Piece]()
    answer = answers(registry.twin(kind, seed=5, fast=True), lambda: NOON_S)

    def recorded(request: bytes) -> bytes:
        reply = answer(request)
        now_s = len(taken) / 10
        passed = [Piece(now_s, OUT, request), Piece(now_s + 0.05, IN, reply)]
        taken.extend(piece for piece in passed if piece.data)
        return reply

    identity = play(driver.identify(), recorded)
    for poll in driver.plan(identity):
        play(poll.converse(), recorded)
    return Capture(Header(kind), tuple(taken)), identity


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["axpert", "emus_bms", "tristar_mppt"])
async def test_a_replayed_unit_says_what_the_unit_said(kind: str) -> None:
    taken, identity, values = await captured_unit(kind)
    unknown: list[bytes] = []
    twin = CaptureTwin(taken.pieces, unknown.append, speed=math.inf)
    driver, answer = registry.driver(kind), answers(twin, lambda: NOON_S)
    # The runner's own first question has an answer of its own; it came first.
    if driver.resync is not None:
        answer(driver.resync.request)
    again = play(driver.identify(), answer)
    assert again == identity
    assert [play(poll.converse(), answer) for poll in driver.plan(again)] == values
    assert unknown == []


def said(twin: CaptureTwin, request: bytes, utc_s: float) -> bytes:
    return b"".join(piece.data for piece in twin.receive(request, utc_s))


def test_answers_come_in_the_recorded_order_and_start_over() -> None:
    taken = [
        Piece(float(second), way, data)
        for second, (way, data) in enumerate(
            [(OUT, b"?"), (IN, b"one"), (OUT, b"?"), (IN, b"two"), (OUT, b"?"), (OUT, b"!")]
        )
    ]
    twin = CaptureTwin(taken, speed=math.inf)
    assert [said(twin, b"?", NOON_S) for _ in range(5)] == [b"one", b"two", b"", b"one", b"two"]
    assert twin.requests == 2


@pytest.mark.parametrize(("speed", "due_s"), [(1.0, 2.0), (4.0, 0.5)])
def test_an_answer_takes_the_recorded_time_divided_by_the_speed(speed: float, due_s: float) -> None:
    twin = CaptureTwin([Piece(1, OUT, b"?"), Piece(3, IN, b"late")], speed=speed)
    assert said(twin, b"?", NOON_S) == b""
    assert said(twin, b"", NOON_S + due_s - 0.01) == b""
    assert said(twin, b"", NOON_S + due_s + 0.01) == b"late"


def test_an_unknown_request_is_silence_and_is_told_once() -> None:
    unknown: list[bytes] = []
    twin = CaptureTwin([Piece(0, OUT, b"?"), Piece(0, IN, b"yes")], unknown.append)
    assert said(twin, b"reboot", NOON_S) == said(twin, b"reboot", NOON_S + 1) == b""
    assert unknown == [b"reboot"]
    assert said(twin, b"?", NOON_S + 2) == b"yes"


def test_the_rest_of_an_answer_does_not_delay_the_next() -> None:
    taken = [
        Piece(0, OUT, b"?"),
        Piece(0, IN, b"yes"),
        Piece(5, IN, b"by the way"),
        Piece(6, OUT, b"!"),
        Piece(6, IN, b"oh"),
    ]
    twin = CaptureTwin(taken)
    assert said(twin, b"?", NOON_S) == b"yes"
    assert said(twin, b"!", NOON_S + 1) == b"oh"
    assert said(twin, b"", NOON_S + 9) == b""


def test_half_a_request_is_forgotten() -> None:
    twin = CaptureTwin([Piece(0, OUT, b"who"), Piece(0, IN, b"me")])
    assert said(twin, b"wh", NOON_S) == b""
    assert said(twin, b"o", NOON_S + GAP_S / 2) == b"me"
    assert said(twin, b"wh", NOON_S + 1) == b""
    assert said(twin, b"who", NOON_S + 2 + GAP_S) == b"me"


def test_what_was_said_unasked_comes_first_and_once() -> None:
    twin = CaptureTwin([Piece(1, IN, b"hello"), Piece(2, OUT, b"?"), Piece(2, IN, b"yes")])
    assert said(twin, b"", NOON_S) == b""
    assert said(twin, b"", NOON_S + 1) == b"hello"
    assert said(twin, b"", NOON_S + 9) == b""


@given(some_pieces, st.lists(st.binary(max_size=20), max_size=6))
def test_a_replayed_unit_survives_any_bytes(pieces: list[Piece], asked: list[bytes]) -> None:
    twin = CaptureTwin(pieces)
    for second, request in enumerate(asked):
        twin.receive(request, NOON_S + second / 4)


def test_no_speed_is_refused() -> None:
    with pytest.raises(BadRequest, match="above 0"):
        CaptureTwin([], speed=0)


# --- freed of names ---


@pytest.mark.parametrize("kind", ["axpert", "emus_bms"])
def test_a_redacted_capture_keeps_its_shape(kind: str) -> None:
    taken, identity = overheard(kind)
    assert identity.serial

    def cut(data: bytes) -> list[bytes]:
        return [frame.data for frame in captured.frames_of(kind, b"", data)]

    clean = redacted(taken, identity.serial, cut, captured.seal(kind))
    assert clean.header.redacted
    assert [(p.t_s, p.way, len(p.data)) for p in clean.pieces] == [
        (p.t_s, p.way, len(p.data)) for p in taken.pieces
    ]
    everything = b"".join(piece.data for piece in clean.pieces)
    assert not any(form in everything for form in forms_of(identity.serial))
    assert not any(piece.marked for piece in clean.pieces)
    # Checksums fit again: the unit is the same but for its number.
    twin = CaptureTwin(clean.pieces, speed=math.inf)
    again = play(registry.driver(kind).identify(), answers(twin, lambda: NOON_S))
    assert set(again.serial) == {"0"}
    assert again.model == identity.model


def test_a_capture_without_the_number_is_not_called_redacted() -> None:
    taken = Capture(Header("axpert"), (Piece(0, IN, b"no. 123"),))
    assert redacted(taken, "12345678", whole, None) == taken
    assert redacted(taken, "", whole, None) == taken


def test_a_number_cut_in_two_is_found() -> None:
    taken = Capture(Header("axpert"), (Piece(0, IN, b"no. 123"), Piece(1, IN, b"45678, fine")))
    clean = redacted(taken, "12345678", whole, lambda frame: frame)
    assert [piece.data for piece in clean.pieces] == [b"no. 000", b"00000, fine"]


def test_a_frame_that_cannot_be_sealed_is_marked() -> None:
    taken = Capture(Header("axpert"), (Piece(0, OUT, b"who"), Piece(1, IN, b"12345678")))

    def refuse(frame: bytes) -> bytes:
        raise CodecError("bad_start", "no frame", data=frame)

    for seal in (None, refuse, lambda frame: frame + b"!"):
        clean = redacted(taken, "12345678", whole, seal)
        assert [piece.marked for piece in clean.pieces] == [False, True]
        assert clean.pieces[1].data == b"00000000"


def test_a_number_is_found_in_every_form_that_instruments_send() -> None:
    assert forms_of("16080451") == [
        b"16080451", b"61804015", b"00F55E43", b"00f55e43", bytes.fromhex("16080451")
    ]  # fmt: skip
    assert forms_of("") == []
    raw = Capture(Header("si7020"), (Piece(0, IN, bytes.fromhex("01 fe0a3c52 02")),))
    clean = redacted(raw, "FE0A3C52", whole, None)
    assert clean.pieces[0].data == bytes.fromhex("01 00000000 02")


# --- made a test ---


@pytest.mark.parametrize("kind", ["axpert", "emus_bms", "tristar_mppt"])
def test_vectors_of_a_capture_hold_for_the_codec_that_made_them(kind: str) -> None:
    taken, _identity = overheard(kind)
    frames = [
        frame
        for one in answered(taken.pieces)
        for frame in captured.frames_of(kind, one.request, one.reply)
    ]
    rows = json.loads(json.dumps(captured.vectors(kind, frames, "noon", "captured: noon.jsonl")))
    assert len({row["id"] for row in rows}) == len(rows) > 5
    assert sum(row["decoded"] is not None for row in rows) > 5
    spoiled = 0
    for row in rows:
        found = registry.decode_entry(kind, row)
        assert found.get("decoded") == row["decoded"]
        assert found.get("error") == row.get("expected_error")
        first = next(key for key in ("response_hex", "sentence", "response") if key in row)
        damaged = replace_digit(row[first])
        spoiled += registry.decode_entry(kind, {**row, first: damaged}) != found
    assert spoiled == len(rows)


def replace_digit(text: str) -> str:
    """`text` with a digit in its middle changed."""
    middle = len(text) // 2
    return text[:middle] + ("1" if text[middle] != "1" else "2") + text[middle + 1 :]


def test_a_piece_of_the_same_bytes_makes_one_vector() -> None:
    frame = captured.Frame("QMOD", b"QMOD\x49\xc1\r", bytes.fromhex("2842e7c90d"))
    (row,) = captured.vectors("axpert", [frame, replace(frame)], "twice", "captured: a")
    assert (row["id"], row["decoded"]["device_mode"]) == ("twice_1_qmod", "B")
