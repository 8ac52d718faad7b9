"""How one transaction is led: ask until ready, then read or write (OPC-N3 sheet, sections 2 and 3).

1. Each poll is one byte and goes out once: the runner must not repeat it, because a byte too many
   is taken for a payload or swallows data. Repeating is done here, from the start.
2. Payload is sent only behind "ready" and only once (section 5: "fan on" equals its command).
   `test_option_byte_is_sent_once_and_only_when_ready`
3. Anything but busy and ready means out of step: silence for RECOVER_S lets the unit forget, then
   all begins anew, ROUNDS times. `test_unit_out_of_step_is_met_after_a_silence`
"""

from __future__ import annotations

from functools import partial

from fieldstation.errors import CodecError
from fieldstation.instruments.opc_n3.commands import BUSY, MOST_POLLS, READY, Command
from fieldstation.model import Conversation, Exchange, ask

POLL_S = 0.015
GAP_S = 0.02
RECOVER_S = 2.5
ROUNDS = 3

# What an idle line reads as.
IDLE = (0x00, 0xFF)


def read(command: Command, *, wait_s: float = GAP_S) -> Conversation[bytes]:
    """The block that `command` reads, `wait_s` after the transaction before. Raises CodecError when
    the unit never becomes ready.
    """
    yield from ready(command, wait_s=wait_s)
    return (yield from ask(_clock(command, bytes((command.code,)) * command.reads, POLL_S)))


def write(command: Command, payload: bytes, *, wait_s: float = GAP_S) -> Conversation[None]:
    """Give `payload` to `command`. Raises CodecError when the unit never becomes ready, and when
    its echo shows that it took other bytes.
    """
    yield from ready(command, wait_s=wait_s)
    echo = yield from ask(_clock(command, payload, POLL_S))
    if echo != bytes((command.code,)) + payload[:-1]:
        raise CodecError("bad_echo", f"the unit took other bytes for {command.name}", data=echo)


def ready(command: Command, *, wait_s: float = GAP_S) -> Conversation[None]:
    """Bring `command` to where its bytes follow. Raises CodecError `no_answer`, `busy_timeout` or
    `out_of_step`.
    """
    heard: list[int] = []
    for attempt in range(ROUNDS):
        heard = yield from _round(command, RECOVER_S if attempt else wait_s)
        if heard[-1] == READY and len(heard) > 1:
            return
    raise _failure(command, heard)


def _round(command: Command, wait_s: float) -> Conversation[list[int]]:
    """Poll until something else than busy comes; gives all that came."""
    heard: list[int] = []
    while len(heard) <= MOST_POLLS:
        byte = yield from ask(_clock(command, bytes((command.code,)), POLL_S if heard else wait_s))
        heard += byte
        if heard[-1] != BUSY:
            break
    return heard


def _clock(command: Command, data: bytes, wait_s: float) -> Exchange[bytes]:
    return Exchange(
        data,
        partial(_end, len(data)),
        bytes,
        quiet_s=wait_s,
        attempts=1,
        name=command.name,
    )


def _end(length: int, data: bytes) -> int | None:
    return length if len(data) >= length else None


def _failure(command: Command, heard: list[int]) -> CodecError:
    if heard[-1] in IDLE:
        return CodecError(
            "no_answer",
            f"the OPC-N3 does not answer (the line reads {heard[-1]:02X}); check its 5 V supply and"
            " the cable, and if it logs on its own (no command for 65 s) switch it off and on",
        )
    if heard[-1] == BUSY:
        return CodecError("busy_timeout", f"the OPC-N3 stays busy with {command.name}")
    return CodecError(
        "out_of_step", f"the OPC-N3 answers {command.name} out of step", data=bytes(heard)
    )
