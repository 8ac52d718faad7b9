"""Captures freed of serial numbers, from twins in memory whose numbers are known."""

from __future__ import annotations

import json
from itertools import chain, groupby

import pytest

from fieldstation.instruments import registry
from fieldstation.instruments.axpert.frame import encode_request
from fieldstation.instruments.captured import rows
from fieldstation.instruments.opc_n3 import captured as opc
from fieldstation.instruments.redacted import forms_of, redacted, serials_in
from fieldstation.instruments.tristar_mppt import captured as tristar
from fieldstation.model import Identity
from fieldstation.protocol.capture import Capture, Header, Piece, Way
from fieldstation.protocol.modbus import Rtu
from fieldstation.transport.play import answers, play

NOON_S = 1_779_969_600.0
OUT, IN = Way.OUT, Way.IN
ASKED = [kind for kind in registry.kinds() if registry.listened(kind) is None]
QID = Piece(0, OUT, b"QID\xd6\xea\r")


def overheard(kind: str, profile: str = "", seed: int = 5) -> tuple[Capture, Identity]:
    """A visit to a twin in memory, as a capture."""
    driver, taken = registry.driver(kind), list[Piece]()
    answer = answers(registry.twin(kind, profile, seed, fast=True), lambda: NOON_S)

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


@pytest.mark.parametrize("kind", ASKED)
def test_a_redacted_capture_keeps_its_shape(kind: str) -> None:
    taken, identity = overheard(kind)
    clean = redacted(taken, identity.serial)
    assert [(p.t_s, p.way, len(p.data)) for p in clean.pieces] == [
        (p.t_s, p.way, len(p.data)) for p in taken.pieces
    ]
    changed = [a for a, b in zip(taken.pieces, clean.pieces, strict=True) if a != b]
    assert bool(changed) is bool(identity.serial) is clean.header.redacted
    assert len(changed) < 4
    assert redacted(clean, "").pieces == clean.pieces


def test_numbers_of_units_beside_it_go_too() -> None:
    answer = answers(registry.twin("axpert", "parallel_3", 5, fast=True), lambda: NOON_S)
    queries = [encode_request(name) for name in ("QID", "QPGS0", "QPGS1", "QPGS2")]
    pieces = [(Piece(0, OUT, query), Piece(0, IN, answer(query))) for query in queries]
    taken = Capture(Header("axpert"), tuple(chain.from_iterable(pieces)))
    assert len(serials_in(taken)) == 3
    clean = redacted(taken, "")
    assert serials_in(clean) == ["0" * 14]
    assert [row.get("error") for row in rows(clean)] == [row.get("error") for row in rows(taken)]


def test_every_byte_of_a_number_between_checksums_goes() -> None:
    taken, identity = overheard("si7020", seed=0xA1B2C3D4)
    assert identity.serial == "A1B2C3D414FFB5FF"
    clean = redacted(taken, identity.serial)
    first, second = (
        b.data
        for a, b in zip(clean.pieces, clean.pieces[1:], strict=False)
        if a.data[2:] in (b"\xfa\x0f", b"\xfc\xc9")
    )
    assert first == bytes(9)
    assert second[:3] == b"\0\x14\0"
    assert second[4:6] == bytes(2)


def test_numbers_of_emus_modules_go_and_what_looks_like_one_stays() -> None:
    heard = (b"CF2,0D27,0000ABCD,2E\r\n", b"CF2,0100,08,6E\r\n")
    taken = Capture(Header("emus_bms"), tuple(Piece(0, IN, line) for line in heard))
    clean = redacted(taken, "1000")
    assert [piece.data[:18] for piece in clean.pieces] == [b"CF2,0D27,00000000,", heard[1]]


def test_a_capture_without_a_number_is_not_called_redacted() -> None:
    taken = Capture(Header("axpert"), (Piece(0, IN, b"(no. 123\r"),))
    assert redacted(taken, "12345678") == taken
    assert redacted(taken, "") == taken


def test_a_number_cut_in_two_is_found() -> None:
    whole = registry.twin("axpert", seed=5, fast=True).receive(QID.data, NOON_S)[0].data
    pieces = (QID, Piece(1, IN, whole[:7]), Piece(2, IN, whole[7:]))
    clean = redacted(Capture(Header("axpert"), pieces), "")
    assert [len(piece.data) for piece in clean.pieces[1:]] == [7, len(whole) - 7]
    (row,) = rows(clean)
    assert row["decoded"] == {"serial_number": "0" * 14}


def test_a_damaged_frame_stays_damaged() -> None:
    taken = Capture(Header("axpert"), (QID, Piece(1, IN, b"(92931701100510\x11\x22\r")))
    clean = redacted(taken, "92931701100510")
    assert clean.pieces[1].data == b"(00000000000000\x11\x22\r"
    (row,) = rows(clean)
    assert row["error"] == "crc_mismatch"


def test_topics_payloads_and_options_lose_the_number() -> None:
    topic, payload = "data_esp_0badcafe", b'[{"id":8,"kT":24.25,"aT":21.5,"aH":55.125}]'
    header = Header("esp_node", options={"data_topics": topic}, started="2026-05-28T12:00:00Z")
    clean = redacted(Capture(header, (Piece(0, IN, payload, topic),)), "")
    assert clean.pieces[0].topic == clean.header.options["data_topics"] == "data_esp_00000000"
    assert clean.pieces[0].data == payload
    assert clean.header.redacted


def test_what_a_document_says_of_its_device_goes_too() -> None:
    told = {"wifi": {"MAC": "5C:CF:7F:01:02:03", "ssid": "Barn Ünique"}, "api_key": "k-0123456789",
            "machine": "pump-station", "level": 1.5, "pin": "4711"}  # fmt: skip
    payload = json.dumps(told, ensure_ascii=False).encode()
    header = Header("json_node", options={"topic": "t", "channels": "level /level"})
    taken = Capture(header, (Piece(0, IN, payload, "tele/5C:CF:7F:01:02:03"),))
    clean = redacted(taken, "")
    found = json.loads(clean.pieces[0].data)
    assert found["wifi"]["MAC"] == "0" * 17 == clean.pieces[0].topic.removeprefix("tele/")
    assert found["api_key"] == "0" * 12
    assert "Barn" not in found["wifi"]["ssid"]
    assert {key: found[key] for key in ("machine", "level", "pin")} == {
        "machine": "pump-station", "level": 1.5, "pin": "4711",
    }  # fmt: skip
    assert len(clean.pieces[0].data) == len(payload)


def test_checksums_are_made_good_in_the_frames_that_have_one() -> None:
    taken, _identity = overheard("opc_n3")
    blocks = [row for row in rows(taken) if row.get("name") == "read_histogram"]
    for row in blocks:
        request, block = bytes.fromhex(row["request"]), bytes.fromhex(row["frame"])[-86:]
        assert opc.seal(request, block[:-2] + b"??") == block
    assert blocks
    assert opc.seal(b"\x10" * 60, b"OPC-N3 0".ljust(60)) == b"OPC-N3 0".ljust(60)
    request = Rtu().seal(1, bytes.fromhex("03e0c0000e"))
    assert tristar.seal(request, b"\1\3\2\0\0??") == Rtu().seal(1, b"\3\2\0\0")
    tcp = bytes.fromhex("000100000006 01 03e0c0000e")
    assert tristar.seal(tcp, b"any reply") == b"any reply"


def test_a_number_is_found_in_every_form_that_instruments_send() -> None:
    assert forms_of("16080451") == [b"16080451", b"61804015", b"00F55E43", b"00f55e43"]
    assert forms_of("FE0A3C521404")[-1] == bytes.fromhex("fe0a3c521404")
    # Too short to be looked for everywhere.
    assert forms_of("1000") == [b"000003E8", b"000003e8"]
    assert forms_of("") == []


def test_pieces_of_both_ways_alternate_as_they_did() -> None:
    taken, identity = overheard("tristar_mppt")
    clean = redacted(taken, identity.serial)
    assert [way for way, _ in groupby(p.way for p in clean.pieces)] == [
        way for way, _ in groupby(p.way for p in taken.pieces)
    ]
