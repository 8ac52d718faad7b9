"""One I2C transaction as bytes, so that a chip is asked over any link like every other instrument.

1. A request is: how many bytes to write, how many to read, the bytes to write. The transaction
   writes first, then reads behind a repeated start; either part may be empty. The chip's address
   is the link's affair. `test_requests_are_cut_out_of_any_split`
2. A reply is a status byte, and behind OK the bytes read. `test_reply_carries_status_then_bytes`
3. A chip that does not acknowledge is no damage: some chips say "still busy" so. The exchange
   gives None for it. `test_chip_that_is_absent_is_told_in_one_sentence`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from fieldstation.errors import CodecError
from fieldstation.model import Conversation, Exchange, Outgoing, ask
from fieldstation.model.talk import FrameEnd

# What one transaction may carry each way. The chips of this house need eight bytes at most, and a
# USB-ISS adapter takes frames below 60 bytes, so that 32 fit all carriers.
MOST_BYTES = 32

# Pause before asking a chip again that did not acknowledge (I2C sensors sheet, section 0).
AGAIN_S = 0.02
TRIES = 3


class Status(IntEnum):
    """How a transaction ended."""

    OK = 0
    ABSENT = 1  # the address or a byte was not acknowledged
    STUCK = 2  # the bus itself failed: a line held low, arbitration lost


@dataclass(frozen=True, slots=True)
class Transaction:
    """Bytes to write, then how many to read."""

    write: bytes
    read: int


def encode_request(write: bytes, read: int = 0) -> bytes:
    """The transaction as a request. Raises ValueError when either part exceeds MOST_BYTES."""
    if len(write) > MOST_BYTES or not 0 <= read <= MOST_BYTES:
        raise ValueError(f"an I2C transaction carries at most {MOST_BYTES} bytes each way")
    return bytes((len(write), read)) + write


def encode_reply(status: Status, data: bytes = b"") -> bytes:
    """The reply that a link gives; `data` only behind OK."""
    return bytes((status,)) + data


def reply_end(read: int) -> FrameEnd:
    """End of the reply to a transaction that reads `read` bytes."""

    def end(data: bytes) -> int | None:
        length = 1 + read if data[0] == Status.OK else 1
        return length if len(data) >= length else None

    return end


def decode_reply(reply: bytes) -> bytes | None:
    """The bytes read; None when the chip did not acknowledge. Raises CodecError for a failed bus
    and for a status that there is not.
    """
    if reply[:1] == bytes((Status.OK,)):
        return reply[1:]
    if reply[:1] == bytes((Status.ABSENT,)):
        return None
    if reply[:1] == bytes((Status.STUCK,)):
        raise CodecError("bus_stuck", "the I2C bus is stuck; check pull-ups, wiring and power")
    raise CodecError("bad_status", "no I2C reply begins so", data=reply)


def exchange(
    write: bytes, read: int = 0, *, wait_s: float = 0.0, name: str = ""
) -> Exchange[bytes | None]:
    """The transaction, begun `wait_s` after the one before it ended. Gives the bytes read, or None
    when the chip did not acknowledge.
    """
    return Exchange(
        encode_request(write, read), reply_end(read), decode_reply, quiet_s=wait_s, name=name
    )


def transact(
    write: bytes,
    read: int = 0,
    *,
    wait_s: float = 0.0,
    again_s: float = AGAIN_S,
    tries: int = TRIES,
    name: str = "",
) -> Conversation[bytes]:
    """The bytes read. A chip that does not acknowledge is asked `tries` times, `again_s` apart,
    the first time after `wait_s`. Raises CodecError when it stays away.
    """
    for attempt in range(tries):
        pause_s = again_s if attempt else wait_s
        data = yield from ask(exchange(write, read, wait_s=pause_s, name=name))
        if data is not None:
            return data
    raise CodecError(
        "absent",
        f"the chip did not acknowledge {name or 'its address'} in {tries} tries; check its power,"
        " its wiring and its address",
    )


class Requests:
    """Cuts the stream of requests that reaches the far end of a link into transactions."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[Transaction]:
        """The transactions that `data` completes, in order."""
        self._data += data
        found = []
        while len(self._data) >= 2 and len(self._data) >= (length := 2 + self._data[0]):
            found.append(Transaction(bytes(self._data[2:length]), self._data[1]))
            del self._data[:length]
        return found


def passed(request: bytes, reply: bytes) -> tuple[bytes, bytes]:
    """What a captured transaction wrote, and what it read; nothing when it failed."""
    return request[2:], reply[1:] if reply[:1] == bytes((Status.OK,)) else b""


class Chip(Protocol):
    """A simulated chip as the bus sees it."""

    def transact(self, write: bytes, read: int, utc_s: float) -> bytes | None:
        """Take `write`, give `read` bytes; None when the chip does not acknowledge. `utc_s` is the
        wall time in seconds since 1970.
        """
        ...


class ChipTwin:
    """A simulated chip as a twin: requests in, replies out."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self._requests = Requests()

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """As `Twin.receive`."""
        return [self._answer(transaction, utc_s) for transaction in self._requests.feed(data)]

    def _answer(self, transaction: Transaction, utc_s: float) -> Outgoing:
        data = self.chip.transact(transaction.write, transaction.read, utc_s)
        reply = encode_reply(Status.ABSENT) if data is None else encode_reply(Status.OK, data)
        return Outgoing(reply)
