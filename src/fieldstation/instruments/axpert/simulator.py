"""The twin of an Axpert: real PI30 bytes from a plausible site (PI30 sheet, section 11).

1. Requests are collected up to CR from any split; a second of silence or 64 bytes without an end
   drops them (test_half_a_request_is_forgotten_after_a_second).
2. A request is known by its longest name, so QPIGS2 is never QPIGS.
3. Settings are refused until a setting of that name is simulated.
"""

from __future__ import annotations

from collections.abc import Sequence

from fieldstation.instruments.axpert.answers import Answers
from fieldstation.instruments.axpert.frame import crc_fits, encode_reply, encode_request
from fieldstation.instruments.axpert.profiles import PROFILES, profile
from fieldstation.instruments.axpert.reply import is_query, split
from fieldstation.instruments.chance import between
from fieldstation.instruments.faults import FaultPlan
from fieldstation.model import Outgoing
from fieldstation.protocol.checksum import crc16_xmodem
from fieldstation.protocol.framing import FrameBuffer, until

__all__ = ["FAULTS", "PROFILES", "AxpertTwin", "twin"]

FAULTS = {
    "nak": "refuses a query it knows",
    "nak_without_crc": "refuses as `(NAK` alone",
    "echo": "sends the request back",
    "unescaped_crc": "leaves reserved bytes in the checksum of a reply",
    "lf_after_cr": "ends a reply with CR LF",
    "stale": "begins with the tail of a reply that someone else asked for",
    "silent_unknown": "keeps silent instead of refusing",
    "silent_bad_crc": "keeps silent on a damaged request",
    "strict_crc": "knows only the lifted form of a request checksum",
    "early_float": "leaves absorption whenever the current is low, as real chargers do",
    "more_tokens": "answers QPIGS with 24 tokens from now on",
}
"""Faults that belong to this instrument, beside those of any line."""

REQUEST_LIMIT = 64
SILENCE_S = 1.0
BYTES_PER_S = 240.0
# Section 11.1.
LATENCY_S = (0.040, 0.250)
# A USB bridge hands on eight bytes at a time.
PIECE = 8


class AxpertTwin:
    """One simulated unit."""

    def __init__(self, answers: Answers, seed: int, plan: FaultPlan, *, fast: bool) -> None:
        self.answers = answers
        self._seed = seed
        self._plan = plan
        self._fast = fast
        self._requests = FrameBuffer(until(b"\r", REQUEST_LIMIT), REQUEST_LIMIT)
        self._heard_s = 0.0
        self._count = 0

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """Take bytes in any split; the replies to whatever requests they complete, in order."""
        if abs(utc_s - self._heard_s) > SILENCE_S:
            self._requests.clear()
        self._heard_s = utc_s
        sent: list[Outgoing] = []
        for request in self._requests.feed(data):
            reply = self._reply(request, utc_s)
            after_s = sent[-1].delay_s if sent else 0.0
            sent += self._paced(reply, after_s)
        return sent

    def _reply(self, request: bytes, utc_s: float) -> bytes:
        """Bytes that answer one request; none when the unit keeps silent."""
        body = request[:-1].lstrip(b"\0\n")
        text, crc = body[:-2], body[-2:]
        if not text.isascii() or not self._crc_good(text, crc):
            return b"" if self._plan.strikes("silent_bad_crc") else self._refusal()
        command = text.decode("ascii")
        if self._plan.strikes("echo"):
            return request
        if self._plan.strikes("more_tokens"):
            self.answers.status_tokens = 24
        answer = None
        if is_query(command) and not self._plan.strikes("nak"):
            answer = self.answers.text(*split(command), utc_s)
        if answer is None:
            return b"" if self._plan.strikes("silent_unknown") else self._refusal()
        return self._framed(answer)

    def _crc_good(self, text: bytes, crc: bytes) -> bool:
        if self._plan.strikes("strict_crc"):
            return encode_request(text.decode("ascii"))[-3:-1] == crc
        return crc_fits(text, crc)

    def _refusal(self) -> bytes:
        return b"(NAK\r" if self._plan.strikes("nak_without_crc") else encode_reply("NAK")

    def _framed(self, answer: str) -> bytes:
        frame = encode_reply(answer)
        if self._plan.strikes("unescaped_crc"):
            frame = frame[:-3] + crc16_xmodem(frame[:-3]).to_bytes(2, "big") + b"\r"
        if self._plan.strikes("lf_after_cr"):
            frame += b"\n"
        return b"010 0 00 00\x4c\x5d\r" + frame if self._plan.strikes("stale") else frame

    def _paced(self, reply: bytes, after_s: float) -> list[Outgoing]:
        """The reply in pieces at line speed, after a latency of its own."""
        self._count += 1
        if self._fast:
            return [Outgoing(reply, after_s)] if reply else []
        start_s = after_s + between(*LATENCY_S, self._seed, "latency", self._count)
        return [
            Outgoing(piece := reply[at : at + PIECE], start_s + (at + len(piece)) / BYTES_PER_S)
            for at in range(0, len(reply), PIECE)
        ]


def twin(profile_name: str, seed: int, plan: FaultPlan, *, fast: bool = False) -> AxpertTwin:
    """A unit of the named profile; the usual one for an empty name. Raises NotFound."""
    early_float = "early_float" in plan.names
    answers = Answers(profile(profile_name), seed, early_float=early_float)
    return AxpertTwin(answers, seed, plan, fast=fast)
