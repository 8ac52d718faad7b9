"""Modbus exceptions: how a unit says no (MODBUS Application Protocol V1.1b3, section 7)."""

from __future__ import annotations

from collections.abc import Mapping

from fieldstation.errors import InstrumentRefused

# This bit in the function of a reply says no.
REFUSED = 0x80

REFUSALS: Mapping[int, str] = {
    1: "illegal_function",
    2: "illegal_data_address",
    3: "illegal_data_value",
    4: "server_device_failure",
    5: "acknowledge",
    6: "server_device_busy",
    8: "memory_parity_error",
    10: "gateway_path_unavailable",
    11: "gateway_target_failed_to_respond",
}
"""Exception codes and the word for each."""


def refuse(code: int, what: str = "the request") -> InstrumentRefused:
    """The error for exception `code`, whose own `code` is the word of REFUSALS, else
    `exception_<n>`.
    """
    word = REFUSALS.get(code, f"exception_{code}")
    return InstrumentRefused(
        word, f"the unit refused {what}: {word.replace('_', ' ')} (exception {code})"
    )


def encode_refusal(function: int, refusal: InstrumentRefused) -> bytes:
    """The PDU that says no to `function`; a code without a number becomes device failure."""
    codes = {word: code for code, word in REFUSALS.items()}
    return bytes([function | REFUSED, codes.get(refusal.code, 4)])
