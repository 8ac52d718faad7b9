"""Checksums against their definitions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fieldstation.protocol.checksum import crc16_xmodem


def by_the_bit(data: bytes) -> int:
    """CRC-16/XMODEM as its polynomial says, one bit at a time."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def test_check_value_of_the_catalogue() -> None:
    assert crc16_xmodem(b"123456789") == 0x31C3


@given(st.binary(max_size=300))
def test_any_bytes_give_what_the_polynomial_gives(data: bytes) -> None:
    assert crc16_xmodem(data) == by_the_bit(data)
