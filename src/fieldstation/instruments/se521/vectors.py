"""Vectors of the SE521 sheet, section 13: replies with their faults, means, and windows.

A reply is decoded whether it is good or not; `status` says what a driver would do with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.se521 import averaging, frame
from fieldstation.instruments.se521.channels import INPUTS
from fieldstation.instruments.se521.live import decode_live

KEYS = {
    "B": "backlight key",
    "C": "degC / degF key",
    "E": "REC key",
    "H": "HOLD key",
    "M": "MAX/MIN/AVG key",
    "N": "leave MAX/MIN/AVG",
}


INPUTS_OF_A_WINDOW = {
    "now": (int, float),
    "samples": (int,),
    "interval_s": (int, float),
    "record_interval_min": (int,),
}


def decode_schedule(given: Mapping[str, Any]) -> dict[str, Any]:
    """The window that follows from `now`, `first` and the other inputs. Raises CodecError
    `bad_vector` for inputs that make no sense.
    """
    for name, kinds in INPUTS_OF_A_WINDOW.items():
        if type(given.get(name)) not in kinds or not 0 < given[name] < 1e12:
            raise CodecError("bad_vector", f"{name} of the vector is no sensible number")
    half_s = averaging.half_window_s(given["samples"], given["interval_s"])
    if given.get("first") or not isinstance(given.get("previous_minute"), int):
        window = averaging.first_window(given["now"], half_s)
    else:
        before = averaging.Window(given["previous_minute"], 0.0)
        window = averaging.next_window(given["now"], before, half_s, given["record_interval_min"])
    return dict(given) | {
        "half_window_s": round(half_s, 6),
        "minute_index": window.minute,
        "start_time": round(window.start_s, 6),
        "delay_s": round(window.start_s - given["now"], 6),
        "expected_time": window.nominal_s,
    }


def decode_average(replies: Sequence[bytes]) -> dict[str, Any]:
    """Means of several replies to A, in °C. Raises CodecError for one that is not whole."""
    if not replies or any(len(reply) != frame.REPLY_BYTES[frame.LIVE] for reply in replies):
        raise CodecError("short_read", "a mean needs whole replies of 64 bytes")
    rows = [decode_live(reply)["channels"] for reply in replies]
    values = [[row[number - 1]["value_c"] for row in rows] for number in INPUTS]
    means = [averaging.mean(found) for found in values]
    return {
        "kind": "average",
        "samples": len(replies),
        "counts": [sum(value is not None for value in found) for found in values],
        "mean_c": means,
        "row": {f"tc{number}": means[number - 1] for number in INPUTS},
    }


def decode_reply(command: bytes, parts: Sequence[bytes], *, hid: bool) -> dict[str, Any]:
    """What came back for a command, in reports (`hid`) or as one frame."""
    letter = chr(command[1])
    if letter not in frame.REPLY_BYTES:
        return {"kind": "key", "key": KEYS.get(letter, "unknown key"), "reply": False}
    found: dict[str, Any] = {"kind": "identify" if letter == frame.IDENTIFY else "live"}
    size = frame.REPLY_BYTES[letter]
    if not parts:
        return found | {"status": "no_reply"}
    if not hid:
        return found | _whole(b"".join(parts), size, command)
    padded = b"".join(part.ljust(frame.REPORT_BYTES, b"\0") for part in parts)
    try:
        return found | _whole(frame.frame_of(padded, size), size, command)
    except CodecError as error:
        return found | {"status": error.kind} | _partial(letter, error.kind, parts)


def _partial(letter: str, status: str, parts: Sequence[bytes]) -> dict[str, Any]:
    """What a cut identification tells all the same: the model stands in its first report."""
    if letter != frame.IDENTIFY or status != "short_read":
        return {}
    model = parts[0][1:][frame.MODEL_AT].decode("latin-1")
    return {"reports": len(parts), "model": model}


def _whole(reply: bytes, size: int, command: bytes) -> dict[str, Any]:
    if len(reply) != size:
        return {"length": len(reply), "status": "short_read", "expected_length": size}
    ends = {"stx_ok": reply[0] == frame.STX, "etx_ok": reply[-1] == frame.ETX}
    if size == frame.REPLY_BYTES[frame.IDENTIFY]:
        faults = frame.faults(reply, None, summed=False)
        model = reply[frame.MODEL_AT].decode("latin-1")
        return {"length": size, "model": model, **ends, "status": _status(faults)}
    computed = frame.checksum(reply)
    sums = {"checksum_received": reply[frame.CHECKSUM_AT], "checksum_computed": computed}
    faults = frame.faults(reply, command[5], summed=True)
    found = {"length": size, **ends, **sums, **decode_live(reply)}
    found["checksum_ok"] = computed == reply[frame.CHECKSUM_AT]
    if reply[frame.COUNTER_AT] != command[5]:
        found["counter_expected"] = command[5]
    return found | {"status": _status(faults)}


def _status(faults: Sequence[CodecError]) -> str:
    return "+".join(fault.kind for fault in faults) or "ok"
