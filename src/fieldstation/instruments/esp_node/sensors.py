"""What the chips on a node say on their buses (mqtt_esp contract, B.9).

Temperatures in °C, relative humidity in %. Functions named `decode_` take the bytes as they are
read; None stands for a value that the node publishes as null.
"""

from __future__ import annotations

from datetime import UTC, datetime

from fieldstation.errors import CodecError

_OPEN_THERMOCOUPLE = 0x04
_STATUS_BITS = 0x03
_CENTURY_BIT = 0x80
_OSCILLATOR_STOPPED = 0x80


def crc8(data: bytes) -> int:
    """Polynomial 0x31, start 0xFF, nothing reflected. The bytes BE EF give 92."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x31 if crc & 0x80 else 0)) & 0xFF
    return crc


def decode_sht30(data: bytes) -> tuple[float, float] | None:
    """Temperature and humidity from six bytes; None when a checksum is wrong."""
    _sized("SHT30", data, 6)
    if any(crc8(data[at : at + 2]) != data[at + 2] for at in (0, 3)):
        return None
    hot, damp = int.from_bytes(data[:2], "big"), int.from_bytes(data[3:5], "big")
    return -45 + 175 * hot / 65535, 100 * damp / 65535


def encode_sht30(temperature_c: float, humidity_percent: float) -> bytes:
    """The six bytes of a chip in such air."""
    hot = round((temperature_c + 45) * 65535 / 175).to_bytes(2, "big")
    damp = round(humidity_percent * 655.35).to_bytes(2, "big")
    return b"".join(word + bytes([crc8(word)]) for word in (hot, damp))


def decode_max6675(data: bytes) -> float | None:
    """Temperature from two bytes in steps of 0.25; None for an open thermocouple."""
    _sized("MAX6675", data, 2)
    word = int.from_bytes(data, "big")
    return None if word & _OPEN_THERMOCOUPLE else (word >> 3 & 0xFFF) * 0.25


def encode_max6675(temperature_c: float | None) -> bytes:
    """The two bytes of a chip at such a thermocouple; None: it is open."""
    steps = 0 if temperature_c is None else min(0xFFF, max(0, round(temperature_c * 4)))
    word = steps << 3 | (_OPEN_THERMOCOUPLE if temperature_c is None else 0)
    return word.to_bytes(2, "big")


def decode_sht20_temperature(data: bytes) -> float:
    """Temperature from two bytes."""
    return -46.85 + 175.72 * _sht20_word(data) / 65536


def decode_sht20_humidity(data: bytes) -> float:
    """Humidity from two bytes."""
    return -6 + 125 * _sht20_word(data) / 65536


def _sht20_word(data: bytes) -> int:
    _sized("SHT20", data, 2)
    return int.from_bytes(data, "big") & ~_STATUS_BITS


ONE_HERTZ = (0x0E, 0x00)
"""Register and value of the DS3231 that start its beat of 1 Hz."""


def decode_ds3231(data: bytes) -> tuple[datetime, int]:
    """UTC time, and the weekday as it was written, from registers 00 to 06."""
    _sized("DS3231", data, 7)
    second, minute, hour, weekday, day, month, year = data
    try:
        moment = datetime(
            2000 + _from_bcd(year),
            _from_bcd(month & ~_CENTURY_BIT),
            _from_bcd(day),
            _from_bcd(hour),
            _from_bcd(minute),
            _from_bcd(second),
            tzinfo=UTC,
        )
    except ValueError as error:
        raise CodecError("bad_time", f"DS3231: {error}", data=data) from error
    return moment, weekday


def encode_ds3231(moment: datetime, weekday: int) -> bytes:
    """Registers 00 to 06 for a time from 2000 to 2099. `weekday` as a node counts it: Monday 0."""
    clock = (moment.second, moment.minute, moment.hour)
    date = (moment.day, moment.month, moment.year - 2000)
    return bytes([*map(_to_bcd, clock), weekday, *map(_to_bcd, date)])


def lost_power(status: int) -> bool:
    """Whether register 0F says that the clock stopped since it was set."""
    return bool(status & _OSCILLATOR_STOPPED)


def _from_bcd(byte: int) -> int:
    high, low = divmod(byte, 16)
    if high > 9 or low > 9:
        raise ValueError(f"byte {byte:02x} is no decimal number")
    return high * 10 + low


def _to_bcd(number: int) -> int:
    high, low = divmod(number, 10)
    return high << 4 | low


def _sized(chip: str, data: bytes, size: int) -> None:
    if len(data) != size:
        raise CodecError("wrong_size", f"{chip}: {len(data)} bytes, {size} are due", data=data)
