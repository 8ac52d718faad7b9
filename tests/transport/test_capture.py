"""Captures: what passed is written as it passed, read back and played again."""

from __future__ import annotations

import asyncio
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import BadRequest
from fieldstation.instruments import registry
from fieldstation.model import Identity, Message, Outgoing, SerialLine, Value, configured
from fieldstation.protocol.capture import (
    Answered,
    Capture,
    Header,
    Piece,
    answered,
    capture_of,
    lines_of,
    settings_of_line,
)
from fieldstation.protocol.i2c import encode_request
from fieldstation.protocol.usb_iss import NO_CHIP, Refusal, decode_i2c, encode_i2c
from fieldstation.protocol.usb_iss_twin import UsbIssTwin
from fieldstation.transport.capture import ListeningLink, Recorder
from fieldstation.transport.converse import Runner
from fieldstation.transport.host import pty_host
from fieldstation.transport.opening import open_link
from fieldstation.transport.play import answers, play
from fieldstation.transport.replay import GAP_S, CaptureSpeaker, CaptureTwin, ClockedTwin
from fieldstation.transport.tap import Passed, Way

NOON_S = 1_779_969_600.0
OUT, IN = Way.OUT, Way.IN

some_pieces = st.lists(
    st.builds(
        Piece,
        st.integers(0, 10**9).map(lambda us: us / 1e6),
        st.sampled_from(Way),
        st.binary(min_size=1, max_size=20),
        st.text(st.characters(codec="utf-8"), max_size=5),
        st.booleans(),
    ),
    max_size=12,
)


# --- the file ---


@given(some_pieces, st.booleans())
def test_a_capture_is_read_as_it_was_written(pieces: list[Piece], redact: bool) -> None:
    line = settings_of_line(SerialLine(2400))
    options = {"average": 20, "wire": "hid"}
    started = "2026-11-20T12:00:00.000Z"
    header = Header("axpert", line, options, "fieldstation 1", started, redact)
    assert header.started_us == 1_795_176_000_000_000
    taken = Capture(header, tuple(pieces))
    assert capture_of(lines_of(taken), "a file") == taken


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line"),
        ("{", "line 1 is not JSON"),
        ("[]", "line 1 is no object"),
        ('{"capture": 2, "kind": "axpert"}', "first line"),
        ('{"capture": 1}', "line 1: the header"),
        ('{"capture": 1, "kind": "axpert", "options": []}', "line 1: the header"),
        ('{"capture": 1, "kind": "axpert", "started": 5}', "line 1: the header"),
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
    driver, recorder = configured(registry.driver(kind), {}), Recorder()
    async with pty_host(registry.twin(kind, seed=5, fast=True), lambda: NOON_S) as port:
        link = ListeningLink(await open_link(port, driver.line), recorder, port)
        runner = Runner(link, resync=driver.resync)
        try:
            identity = await runner.converse(driver.identify())
            values = [await runner.converse(poll.converse()) for poll in driver.plan(identity)]
        finally:
            await link.aclose()
    return Capture(Header(kind), tuple(recorder.pieces)), identity, values


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["axpert", "emus_bms", "tristar_mppt"])
async def test_a_replayed_unit_says_what_the_unit_said(kind: str) -> None:
    taken, identity, values = await captured_unit(kind)
    unknown: list[bytes] = []
    twin = CaptureTwin(taken.pieces, unknown.append, speed=math.inf)
    # Another driver than before, which may remember what it heard.
    driver, answer = configured(registry.driver(kind), {}), answers(twin, lambda: NOON_S)
    # The runner's own first question has an answer of its own; it came first.
    if driver.resync is not None:
        answer(driver.resync.request)
    again = play(driver.identify(), answer)
    assert again == identity
    assert [play(poll.converse(), answer) for poll in driver.plan(again)] == values
    assert unknown == []


def said(twin: CaptureTwin | ClockedTwin, request: bytes, utc_s: float) -> bytes:
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
    twin, clocked = CaptureTwin(pieces), ClockedTwin(pieces)
    for second, request in enumerate(asked):
        twin.receive(request, NOON_S + second / 4)
        assert len(said(clocked, request, NOON_S)) == len(request)


def test_a_captured_chip_is_absent_for_what_it_was_not_asked() -> None:
    unknown: list[bytes] = []
    asked = encode_request(b"\xe7", 1)
    taken = [Piece(0, OUT, asked), Piece(0, IN, b"\0\x3a")]
    adapter = UsbIssTwin(i2c={0x40: CaptureTwin(taken, unknown.append, speed=math.inf)})
    known, other = (encode_i2c(0x40, write, 1) for write in (b"\xe7", b"\x11"))
    (reply,) = adapter.receive(known, NOON_S)
    assert decode_i2c(reply.data) == b"\x3a"
    (reply,) = adapter.receive(other, NOON_S + 1)
    refusal = decode_i2c(reply.data)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == NO_CHIP
    assert unknown == [encode_request(b"\x11", 1)]


# A command 3F, polled twice and read, then 13 in the same way.
TRANSACTIONS = [
    Piece(0, OUT if at % 2 == 0 else IN, bytes.fromhex(text))
    for at, text in enumerate(
        ["3f", "31", "3f", "f3", "3f3f", "4142", "13", "31", "13", "f3", "13", "43"]
    )
]


def test_a_clocked_unit_follows_who_asks() -> None:
    unknown: list[bytes] = []
    twin = ClockedTwin(TRANSACTIONS, unknown.append)
    assert twin.requests == 3
    power, info = bytes.fromhex("131313"), bytes.fromhex("3f3f3f3f")
    for request, reply in [(info, b"1\xf3AB"), (info, b"1\xf3AB"), (power, b"1\xf3C")]:
        assert b"".join(said(twin, bytes((byte,)), NOON_S) for byte in request) == reply
    assert said(twin, info[:1], NOON_S) == b"1"
    # Left in the middle, and met at the beginning of what is asked next.
    assert said(twin, power, NOON_S) == b"1\xf3C"
    assert unknown == []
    assert said(twin, b"\x55", NOON_S) == b"\xff"
    assert unknown == [b"\x55"]


@pytest.mark.parametrize(("speed", "due_s"), [(1.0, 2.0), (4.0, 0.5)])
def test_messages_are_said_again_once_and_in_time(speed: float, due_s: float) -> None:
    kept = Piece(0.0, IN, b"kept", "t", retained=True)
    speaker = CaptureSpeaker([kept, Piece(2.0, IN, b"live", "t")], speed=speed)
    assert speaker.speak(NOON_S) == [Message("t", b"kept", True)]
    assert speaker.speak(NOON_S + due_s - 0.01) == []
    assert speaker.speak(NOON_S + due_s + 0.01) == [Message("t", b"live", False)]
    assert speaker.speak(NOON_S + 99) == []


def test_no_speed_is_refused() -> None:
    with pytest.raises(BadRequest, match="above 0"):
        CaptureTwin([], speed=0)
