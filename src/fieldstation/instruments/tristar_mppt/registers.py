"""Where each value of a TriStar MPPT is: PDU address, name, form (TriStar MPPT sheet, 4 and 5).

1. Only a value whose words are all in a block is decoded (test_value_cut_by_a_block_is_left_out).
2. Pairs of words have the high word first below 0xE000 and the low word first above it (section
   3.1); because one vendor text says otherwise, both can be turned
   (test_word_order_can_be_turned).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fieldstation.errors import CodecError
from fieldstation.instruments.tristar_mppt.channels import CHANNELS
from fieldstation.instruments.tristar_mppt.forms import FORMS, USUAL, Form, Scale, Scaled
from fieldstation.model import Value

_TABLE = """
0x0000 v_pu scale
0x0002 i_pu scale
0x0004 firmware_version bcd
0x0018 battery_voltage V
0x0019 battery_terminal_voltage V
0x001A battery_sense_voltage V
0x001B array_voltage V
0x001C battery_current A
0x001D array_current A
0x001E supply_12v_voltage rail12
0x001F supply_3v_voltage rail3
0x0020 meterbus_voltage rail12
0x0021 supply_1v8_voltage rail18
0x0022 reference_voltage rail18
0x0023 heatsink_temperature degC
0x0024 rts_temperature rts
0x0025 battery_temperature degC
0x0026 battery_voltage_slow V
0x0027 battery_current_slow A
0x0028 battery_voltage_min V
0x0029 battery_voltage_max V
0x002A hourmeter n32
0x002C faults n
0x002E alarms n32
0x0030 dip_switches n
0x0031 led_state n
0x0032 charge_state n
0x0033 target_voltage V
0x0034 charge_ah_resettable Ah32
0x0036 charge_ah_total Ah32
0x0038 charge_kwh_resettable n
0x0039 charge_kwh_total n
0x003A output_power W
0x003B input_power W
0x003C sweep_power_max W
0x003D sweep_vmp V
0x003E sweep_voc V
0x0040 daily_battery_voltage_min V
0x0041 daily_battery_voltage_max V
0x0042 daily_array_voltage_max V
0x0043 daily_charge_ah Ah
0x0044 daily_charge_wh n
0x0045 daily_flags n
0x0046 daily_output_power_max W
0x0047 daily_battery_temperature_min degC
0x0048 daily_battery_temperature_max degC
0x0049 daily_faults n
0x004B daily_alarms n32
0x004D daily_absorption_time n
0x004E daily_equalize_time n
0x004F daily_float_time n
0x0058 slave_current_setpoint slaveA
0x0059 slave_voltage_setpoint V
0x005A array_fixed_voltage_setpoint V
0x005B array_fixed_percent_setpoint pct
0x1000 net_firmware_version n
0x100F net_ip_address ip
0x1011 net_subnet_mask ip
0x1013 net_gateway ip
0x1015 net_primary_dns ip
0x1017 net_secondary_dns ip
0x101D net_controller_id text16
0x1025 net_dhcp_enabled dhcp
0x1026 net_mac_address mac
0x1029 net_netbios_name text16
0x1501 net_stored_ip_address ip
0x1503 net_stored_subnet_mask ip
0x1505 net_stored_gateway ip
0x1507 net_stored_primary_dns ip
0x1509 net_stored_secondary_dns ip
0x150F net_stored_controller_id text16
0x1517 net_stored_dhcp_enabled dhcp
0x151B net_stored_http_port n
0x151C net_stored_modbus_port n
0x151D net_stored_bridge_enabled bit0
0x151E net_stored_trap_port n
0x151F net_stored_power_save bit0
0xE000 absorption_voltage V
0xE001 float_voltage V
0xE002 absorption_time n
0xE003 absorption_extension_time n
0xE004 absorption_extension_voltage V
0xE005 float_cancel_voltage V
0xE006 float_exit_time n
0xE007 equalize_voltage V
0xE008 equalize_interval_days n
0xE009 equalize_time_above_vreg n
0xE00A equalize_time_at_veq n
0xE00B battery_service_interval_days n
0xE00D temperature_compensation TC
0xE00E hvd_voltage V
0xE00F hvr_voltage V
0xE010 regulation_limit_voltage V
0xE011 temp_comp_max degC
0xE012 temp_comp_min degC
0xE015 led_green_to_green_yellow_voltage V
0xE016 led_green_yellow_to_yellow_voltage V
0xE017 led_yellow_to_yellow_red_voltage V
0xE018 led_yellow_red_to_red_voltage V
0xE019 modbus_id n
0xE01A meterbus_id n
0xE01D battery_current_limit A
0xE020 array_fixed_voltage V
0xE021 array_fixed_percent pct
0xE022 daily_log_fields n
0xE080 stored_hourmeter n32
0xE082 stored_charge_ah_resettable Ah32
0xE084 stored_charge_ah_total Ah32
0xE086 stored_charge_kwh_resettable n
0xE087 stored_charge_kwh_total n
0xE088 stored_battery_voltage_min V
0xE089 stored_battery_voltage_max V
0xE08A stored_array_voltage_max V
0xE08B days_since_equalize n
0xE08C days_since_battery_service n
0xE0C0 serial_number text8
0xE0CC model n
0xE0CD hardware_version version
"""

EEPROM = 0xE000
PAIRED = ("n32", "Ah32")


@dataclass(frozen=True, slots=True)
class Register:
    """One value: the address of its first word and how its words hold it."""

    address: int
    name: str
    form: Form
    paired: bool = False

    @property
    def end(self) -> int:
        """The address behind its last word."""
        return self.address + self.form.size


def _register(line: str) -> Register:
    address, name, form = line.split()
    if name not in CHANNELS:
        raise ValueError(f"register table names {name!r}, which is no channel")
    return Register(int(address, 16), name, FORMS[form], form in PAIRED)


REGISTERS = tuple(_register(line) for line in _TABLE.strip().splitlines())
BY_NAME = {register.name: register for register in REGISTERS}


@dataclass(frozen=True, slots=True)
class Orders:
    """Which word of a pair has the lower address."""

    ram_high_first: bool = True
    eeprom_high_first: bool = False

    def turned(self, register: Register) -> bool:
        """Whether the words of `register` are the other way round than its form reads them."""
        high_first = self.eeprom_high_first if register.address >= EEPROM else self.ram_high_first
        return register.paired and not high_first


DOCUMENTED = Orders()


def scale_of(words: Sequence[int]) -> Scale:
    """The scaling terms in the four words at address 0 (section 3). Raises CodecError
    `implausible` beyond the limits of section 10.
    """
    terms = [_number(BY_NAME[name], words, 0, USUAL) for name in ("v_pu", "i_pu")]
    for name, term in zip(("v_pu", "i_pu"), terms, strict=True):
        channel = CHANNELS[name]
        if not (channel.low or 0) <= term <= (channel.high or 0):
            raise CodecError(
                "implausible", f"{channel.label} {term:g} is none that a TriStar MPPT has"
            )
    return Scale(*terms)


def _number(register: Register, words: Sequence[int], start: int, scale: Scale) -> float:
    at = register.address - start
    return float(register.form.decode(words[at : at + register.form.size], scale) or 0)


def decode_words(
    start: int, words: Sequence[int], scale: Scale, orders: Orders = DOCUMENTED
) -> dict[str, Value]:
    """Values by name of all registers that lie wholly in the block of `words` from `start`: scaled
    and not rounded, codes and bits as whole numbers.
    """
    values: dict[str, Value] = {}
    for register in REGISTERS:
        if start <= register.address and register.end <= start + len(words):
            part = words[register.address - start : register.end - start]
            turned = part[::-1] if orders.turned(register) else part
            values[register.name] = register.form.decode(turned, scale)
    return values


def encode_words(
    values: Mapping[str, Value], scale: Scale, orders: Orders = DOCUMENTED
) -> dict[int, int]:
    """Words by address that hold `values`, each the nearest that its register can."""
    words: dict[int, int] = {}
    for name, value in values.items():
        register = BY_NAME[name]
        part = register.form.encode(value, scale)
        turned = part[::-1] if orders.turned(register) else part
        words |= dict(enumerate(turned, register.address))
    return words


def step_of(name: str, scale: Scale = USUAL) -> float:
    """What one count of a scaled register is worth, 0 for all others."""
    form = BY_NAME[name].form
    return form.step(scale) if isinstance(form, Scaled) else 0.0
