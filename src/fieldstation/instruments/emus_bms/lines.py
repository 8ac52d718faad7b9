"""Lines into channel values. Pure, and total: any bytes give values or CodecError."""

from __future__ import annotations

from fieldstation.errors import CodecError
from fieldstation.instruments.emus_bms.fields import Values
from fieldstation.instruments.emus_bms.grammar import Sentence, parse
from fieldstation.instruments.emus_bms.records import RECORDS
from fieldstation.instruments.emus_bms.requests import KNOWN, decode_request
from fieldstation.instruments.emus_bms.sentences import SENTENCES


def decode(line: bytes) -> tuple[str, Values]:
    """Name and channel values of a line that the unit sent. Raises CodecError."""
    sentence = parse(line)
    if shape := SENTENCES.get(sentence.name):
        return sentence.name, shape.decode(sentence.fields)
    if record := RECORDS.get(sentence.name):
        return sentence.name, record(sentence.fields)
    raise _unknown(sentence)


def decode_request_line(line: bytes) -> Values:
    """What a line sent to the unit asks for. Raises CodecError."""
    sentence = parse(line)
    if sentence.name not in KNOWN:
        raise _unknown(sentence)
    return decode_request(sentence.name, sentence.fields)


def _unknown(sentence: Sentence) -> CodecError:
    return CodecError("unknown_sentence", f"sentence {sentence.name} is not known; it is ignored")
