"""What is sent to the unit: the questions this program may ask, and how any request reads.

1. Only questions can be encoded. Writing, clearing, resetting, calibrating, passwords and CAN
   frames cannot (Emus BMS sheet, section 10). `test_no_line_but_a_question_can_be_encoded`
2. Nothing sent contains `#`, which would start the bootloader, or the letters of a master clear.
   `test_nothing_sent_can_enter_the_bootloader_or_wipe_the_unit`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fieldstation.errors import BadRequest
from fieldstation.instruments.emus_bms.fields import Values, decimal_number, hex_number
from fieldstation.instruments.emus_bms.grammar import crc8, malformed
from fieldstation.instruments.emus_bms.parameters import describe, width
from fieldstation.instruments.emus_bms.records import can_frame

_NAMES = "BB1 BB2 BC1 BT1 BT2 BT3 BT4 BV1 BV2 CG1 CS1 CV1 DT1 IN1 LG1 OT1 RS2 SS1 ST1 TD1 VR1"
READABLE = frozenset(_NAMES.split())
"""Names that `?` asks for and that tell no secret (section 5)."""


def _question(text: str) -> bytes:
    # The line end in front flushes half a line that the unit may hold (section 2).
    return b"\r\n%s%02X\r\n" % (text.encode(), crc8(text.encode()))


def encode_read(name: str) -> bytes:
    """The question for a sentence. Raises BadRequest for a name that cannot be read."""
    if name not in READABLE:
        raise BadRequest(f"{name!r} cannot be read; readable are {', '.join(sorted(READABLE))}")
    return _question(f"{name},?,")


def encode_parameter_read(parameter_id: str) -> bytes:
    """The question for one parameter, such as 0102. Raises BadRequest."""
    width(parameter_id)
    return _question(f"CF2,{parameter_id.upper()},?,")


def encode_statistic_read(number: int) -> bytes:
    """The question for one statistic, 0 to 255. Raises BadRequest."""
    if not 0 <= number <= 0xFF:
        raise BadRequest(f"{number} is no statistic; they have numbers from 0 to 255")
    return _question(f"SS1,{number:02X},")


# --- requests as they are read back: by the twin, and from captures ---


def _named(request: str) -> Callable[[Sequence[str]], Values]:
    return lambda fields: {"request": request}


def _configure(fields: Sequence[str]) -> Values:
    if len(fields) < 2:
        raise malformed("a CF2 request without a value", ",".join(fields))
    hex_number(fields[0])
    number = fields[0].upper()
    if fields[1] == "?":
        return {"request": "read_parameter", "parameter_id": number}
    raw = hex_number(fields[1])
    named = {"parameter_id": number, "parameter_raw": raw}
    return {"request": "write_parameter", **named, **describe(number, raw)}


def _clear_or(clear: str, otherwise: Callable[[str], Values]) -> Callable[[Sequence[str]], Values]:
    return lambda fields: {"request": clear} if fields[0] == "c" else otherwise(fields[0])


def _one_statistic(text: str) -> Values:
    return {"request": "read_statistic", "statistic_id": hex_number(text)}


def _not_a_request(text: str) -> Values:
    raise malformed(f"{text!r} asks for nothing", text)


def _secret(with_text: str, without: str) -> Callable[[Sequence[str]], Values]:
    def read(fields: Sequence[str]) -> Values:
        return {"request": with_text, "password": fields[0]} if fields[0] else {"request": without}

    return read


def _charge(fields: Sequence[str]) -> Values:
    return {"request": "set_state_of_charge", "state_of_charge_setpoint": hex_number(fields[0])}


def _calibrate(fields: Sequence[str]) -> Values:
    request = "calibrate_module_temperature"
    return {"request": request, "reference_temperature": hex_number(fields[0]) - 100}


def _calibrate_external(fields: Sequence[str]) -> Values:
    if len(fields) < 4:
        raise malformed("a TC2 request with too few fields", ",".join(fields))
    names = ("cell_module_id", "beta_raw", "gamma_raw", "delta_raw")
    numbers = dict(zip(names, map(hex_number, fields), strict=False))
    return {"request": "calibrate_external_temperature", **numbers}


def _transmit(fields: Sequence[str]) -> Values:
    decimal_number(fields[3] if len(fields) > 3 else "")
    return {"request": "transmit_can", **can_frame(fields)}


_REQUESTS: dict[str, Callable[[Sequence[str]], Values]] = {
    "CF2": _configure,
    "CN1": _transmit,
    "FD1": _named("factory_reset"),
    "LG1": _clear_or("clear_event_log", _not_a_request),
    "PW1": _secret("login", "logout"),
    "PW2": _secret("set_password", "clear_password"),
    "RC1": _named("zero_current_sensor"),
    "RS1": _named("reset_control_unit"),
    "SC1": _charge,
    "SS1": _clear_or("clear_statistics", _one_statistic),
    "TC1": _calibrate,
    "TC2": _calibrate_external,
}
KNOWN = READABLE | _REQUESTS.keys()


def decode_request(name: str, fields: Sequence[str]) -> Values:
    """What a sentence sent to the unit asks for, as `request` and its values. Raises CodecError."""
    if fields[0] == "?":
        return {"request": "read"}
    read = _REQUESTS.get(name)
    if read is None:
        raise malformed(f"{name} asks for nothing", ",".join(fields))
    return read(fields)
