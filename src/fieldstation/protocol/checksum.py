"""Checksums of serial protocols, each named as the CRC catalogues name it."""

from __future__ import annotations

from binascii import crc_hqx


def crc16_xmodem(data: bytes) -> int:
    """CRC-16/XMODEM: polynomial 0x1021, start 0, nothing reflected, no final xor.

    The text `123456789` gives 0x31C3.
    """
    return crc_hqx(data, 0)


def _reflected_row(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
    return byte


_MODBUS = tuple(_reflected_row(byte) for byte in range(256))


def crc16_modbus(data: bytes, crc: int = 0xFFFF) -> int:
    """CRC-16/MODBUS: polynomial 0x8005 reflected, start 0xFFFF, no final xor. `crc` goes on from an
    earlier piece. Over bytes and their CRC (low byte first) it gives 0.

    The text `123456789` gives 0x4B37.
    """
    for byte in data:
        crc = crc >> 8 ^ _MODBUS[(crc ^ byte) & 0xFF]
    return crc
