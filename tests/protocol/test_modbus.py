"""Modbus PDUs and frames against the worked examples of the specification and against any bytes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import ChecksumMismatch, CodecError, InstrumentRefused
from fieldstation.protocol.checksum import crc16_modbus
from fieldstation.protocol.modbus import (
    REFUSALS,
    WIRES,
    Client,
    Identification,
    ReadBits,
    ReadIdentity,
    ReadWords,
    Request,
    Rtu,
    Server,
    Tcp,
    WriteBit,
    WriteBits,
    WriteWord,
    WriteWords,
    decode_request,
    encode_refusal,
    refuse,
)

addresses = st.integers(0, 0xFFFF)
words = st.integers(0, 0xFFFF)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
pages = st.builds(
    Identification, st.dictionaries(st.integers(0, 255), texts, max_size=5), st.none()
)


def _with_value(request: Request[Any]) -> st.SearchStrategy[tuple[Request[Any], Any]]:
    match request:
        case ReadBits(count=count):
            value: st.SearchStrategy[Any] = st.tuples(*[st.booleans()] * count)
        case ReadWords(count=count):
            value = st.tuples(*[words] * count)
        case ReadIdentity():
            value = pages
        case _:
            value = st.none()
    return st.tuples(st.just(request), value)


requests = st.one_of(
    st.builds(ReadBits, addresses, st.integers(1, 64), st.sampled_from((1, 2))),
    st.builds(ReadWords, addresses, st.integers(1, 125), st.sampled_from((3, 4))),
    st.builds(WriteBit, addresses, st.booleans()),
    st.builds(WriteWord, addresses, words),
    st.builds(WriteBits, addresses, st.lists(st.booleans(), min_size=1, max_size=40).map(tuple)),
    st.builds(WriteWords, addresses, st.lists(words, min_size=1, max_size=123).map(tuple)),
    st.builds(ReadIdentity, st.integers(1, 4), st.integers(0, 255)),
)
answered = requests.flatmap(_with_value)


# MODBUS Application Protocol Specification V1.1b3, examples of sections 6.1 to 6.12 and 6.21.
EXAMPLES = [
    (ReadBits(0x13, 19), "01 00 13 00 13", "01 03 cd 6b 05"),
    (ReadBits(0xC4, 22, function=2), "02 00 c4 00 16", "02 03 ac db 35"),
    (ReadWords(0x6B, 3, function=3), "03 00 6b 00 03", "03 06 02 2b 00 00 00 64"),
    (ReadWords(0x08, 1), "04 00 08 00 01", "04 02 00 0a"),
    (WriteBit(0xAC, True), "05 00 ac ff 00", "05 00 ac ff 00"),
    (WriteWord(0x01, 3), "06 00 01 00 03", "06 00 01 00 03"),
    (
        WriteBits(0x13, (True, False, True, True, False, False, True, True, True, False)),
        "0f 00 13 00 0a 02 cd 01",
        "0f 00 13 00 0a",
    ),
    (WriteWords(0x01, (0x0A, 0x0102)), "10 00 01 00 02 04 00 0a 01 02", "10 00 01 00 02"),
]


@pytest.mark.parametrize(("request_", "asked", "replied"), EXAMPLES, ids=lambda value: str(value))
def test_examples_of_the_specification_are_byte_exact(
    request_: Request[Any], asked: str, replied: str
) -> None:
    assert request_.encode() == bytes.fromhex(asked)
    assert decode_request(bytes.fromhex(asked)) == request_
    value = request_.decode_reply(bytes.fromhex(replied))
    assert request_.encode_reply(value) == bytes.fromhex(replied)


def test_bits_come_in_order_from_the_lowest() -> None:
    bits = ReadBits(0x13, 19).decode_reply(bytes.fromhex("01 03 cd 6b 05"))
    assert "".join("01"[bit] for bit in bits) == "1011001111010110101"


def test_crc_is_that_of_the_catalogue() -> None:
    assert crc16_modbus(b"123456789") == 0x4B37
    assert crc16_modbus(b"6789", crc16_modbus(b"12345")) == 0x4B37


@given(answered, st.integers(0, 255), st.sampled_from(sorted(WIRES)))
def test_every_request_and_reply_survives_the_wire(
    pair: tuple[Request[Any], Any], unit: int, name: str
) -> None:
    request, value = pair
    exchange = Client(WIRES[name], unit).exchange(request)
    heard: list[Request[Any]] = []

    def answer(arrived: Request[Any]) -> Any:
        heard.append(arrived)
        return value

    [reply] = Server(WIRES[name], unit, answer).feed(exchange.request)
    assert heard == [request]
    assert exchange.end(reply) == len(reply)
    assert exchange.end(reply[:-1]) is None
    assert exchange.decode(reply) == value


@pytest.mark.parametrize("name", sorted(WIRES))
@pytest.mark.parametrize(("code", "word"), REFUSALS.items())
def test_every_refusal_crosses_the_wire(name: str, code: int, word: str) -> None:
    def answer(request: Request[Any]) -> Any:
        raise refuse(code, str(request))

    exchange = Client(WIRES[name], 1).exchange(ReadWords(0, 10))
    [reply] = Server(WIRES[name], 1, answer).feed(exchange.request)
    assert exchange.end(reply) == len(reply)
    with pytest.raises(InstrumentRefused, match=rf"read of 10 words.*exception {code}") as no:
        exchange.decode(reply)
    assert no.value.code == word


def test_unknown_exception_keeps_its_number() -> None:
    with pytest.raises(InstrumentRefused) as no:
        ReadWords(0, 1).decode_reply(b"\x84\x63")
    assert no.value.code == "exception_99"
    assert encode_refusal(4, no.value) == b"\x84\x04"


@pytest.mark.parametrize(
    "pdu",
    [
        "01 00 00 00 00",
        "01 00 00 07 d1",
        "03 00 00 00 00",
        "04 00 00 00 7e",
        "05 00 00 12 34",
        "0f 00 00 00 00 00",
        "0f 00 00 00 09 01 ff",
        "10 00 00 00 02 02 00 01",
        "2b 0e 05 00",
    ],
)
def test_count_outside_the_limits_is_refused_with_illegal_value(pdu: str) -> None:
    data = bytes.fromhex(pdu)
    with pytest.raises(InstrumentRefused) as no:
        decode_request(data)
    assert encode_refusal(data[0], no.value) == bytes([data[0] | 0x80, 3])


@pytest.mark.parametrize(
    ("request_", "pdu", "kind"),
    [
        (ReadWords(0, 2), "03 04 00 01 00 02", "wrong_function"),
        (ReadWords(0, 2), "04 02 00 01", "bad_length"),
        (ReadWords(0, 2), "04 04 00 01", "bad_length"),
        (ReadBits(0, 9), "01 01 ff", "bad_length"),
        (WriteWord(1, 2), "06 00 01 00 03", "wrong_echo"),
        (WriteWords(1, (2, 3)), "10 00 01 00 01", "wrong_echo"),
        (ReadIdentity(), "2b 0e 01 01 00 00 01 00 05 41", "bad_length"),
        (ReadIdentity(), "2b 0d 01 01 00 00 00", "bad_length"),
        (ReadWords(0, 1), "", "wrong_function"),
        (ReadWords(0, 1), "84", "wrong_function"),
    ],
)
def test_reply_of_another_shape_is_no_reply(request_: Request[Any], pdu: str, kind: str) -> None:
    with pytest.raises(CodecError) as error:
        request_.decode_reply(bytes.fromhex(pdu))
    assert error.value.kind == kind


@given(answered, st.data())
def test_every_single_bit_flip_in_an_rtu_frame_is_noticed(
    pair: tuple[Request[Any], Any], data: st.DataObject
) -> None:
    request, value = pair
    exchange = Client(Rtu(), 7).exchange(request)
    frame = Rtu().seal(7, request.encode_reply(value))
    at = data.draw(st.integers(0, len(frame) * 8 - 1))
    spoilt = bytearray(frame)
    spoilt[at // 8] ^= 1 << at % 8
    with pytest.raises(CodecError):
        exchange.decode(bytes(spoilt))
    with pytest.raises(ChecksumMismatch):
        Rtu().unseal(bytes(spoilt))


def test_damaged_count_ends_at_once() -> None:
    exchange = Client(Rtu(), 1).exchange(ReadWords(0x18, 1))
    damaged = bytes.fromhex("01 04 fe 0d b0 bc 14")
    assert exchange.end(damaged) == len(damaged)
    with pytest.raises(ChecksumMismatch):
        exchange.decode(damaged)


@pytest.mark.parametrize(
    ("frame", "kind"), [("02 04 02 0d b0", "wrong_unit"), ("01 03 02 0d b0", "wrong_function")]
)
def test_frame_of_another_unit_or_function_is_not_waited_for(frame: str, kind: str) -> None:
    with pytest.raises(CodecError) as error:
        Client(Rtu(), 1).exchange(ReadWords(0x18, 1)).end(bytes.fromhex(frame))
    assert error.value.kind == kind


def test_tcp_reply_with_another_number_is_refused() -> None:
    client = Client(Tcp(), 1)
    first, second = (client.exchange(ReadWords(0, 1)) for _ in range(2))
    [late] = Server(Tcp(), 1, lambda request: (5,)).feed(first.request)
    assert first.decode(late) == (5,)
    with pytest.raises(CodecError, match="earlier request"):
        second.decode(late)


@given(st.binary(max_size=600), st.sampled_from(sorted(WIRES)), st.lists(st.integers(1, 600)))
def test_server_takes_any_bytes_in_any_pieces_and_stays_bounded(
    data: bytes, name: str, cuts: list[int]
) -> None:
    whole = Server(WIRES[name], 1, lambda request: refuse_all())
    pieces = Server(WIRES[name], 1, lambda request: refuse_all())
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    replies = [reply for start, end in pairwise(edges) for reply in pieces.feed(data[start:end])]
    assert replies == whole.feed(data)
    assert pieces.pending == whole.pending < WIRES[name].limit


def refuse_all() -> None:
    raise refuse(4)


@given(st.binary(max_size=300), requests)
def test_server_finds_the_request_after_garbage(garbage: bytes, request: Request[Any]) -> None:
    server = Server(Rtu(), 9, lambda arrived: refuse_all())
    frame = Rtu().seal(9, request.encode())
    refusal = Rtu().seal(9, bytes([request.function | 0x80, 4]))
    for _ in range(Rtu.limit // len(frame) + 1):
        if refusal in server.feed(garbage + frame):
            return
        garbage = b""
    pytest.fail("the request after the garbage was never answered")


def test_request_cut_by_a_silence_does_not_swallow_the_next() -> None:
    server = Server(Rtu(), 1, lambda request: (0x0DB0,))
    frame = bytes.fromhex("01 04 00 18 00 01 b1 cd")
    assert server.feed(frame[:5]) == []
    server.silence()
    assert server.feed(frame) == [bytes.fromhex("01 04 02 0d b0 bc 14")]


def test_function_that_nobody_knows_is_refused_and_not_ignored() -> None:
    server = Server(Rtu(), 1, lambda request: None)
    unknown = Rtu().seal(1, bytes.fromhex("17 00 00 00 01"))
    assert server.feed(unknown[:4]) + server.feed(unknown[4:]) == [Rtu().seal(1, b"\x97\x01")]
    [reply] = Server(Tcp(), 1, lambda request: None).feed(Tcp().seal(1, b"\x17\x00", 9))
    assert Tcp().unseal(reply) == (1, 9, b"\x97\x01")


def test_request_to_another_unit_is_ignored() -> None:
    server = Server(Rtu(), 1, lambda request: (1,))
    assert server.feed(Rtu().seal(2, ReadWords(0, 1).encode())) == []


@given(st.binary(max_size=300), requests, st.sampled_from(sorted(WIRES)))
def test_any_bytes_are_a_reply_or_an_error_of_ours(
    data: bytes, request: Request[Any], name: str
) -> None:
    exchange = Client(WIRES[name], 1).exchange(request)
    for step in (exchange.end, exchange.decode):
        try:
            step(data)
        except (CodecError, InstrumentRefused):
            continue
