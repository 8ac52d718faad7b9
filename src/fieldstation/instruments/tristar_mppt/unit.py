"""One simulated TriStar MPPT: its registers and coils as a function of what happens to it (TriStar
MPPT sheet, sections 4 to 7 and 11).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fieldstation.instruments.chance import between
from fieldstation.instruments.tristar_mppt.controller import CHARGING, Controller
from fieldstation.instruments.tristar_mppt.labels import CHARGE_STATE, LED_STATE, MODEL
from fieldstation.instruments.tristar_mppt.memory import CONTROL, EEPROM, Memory
from fieldstation.instruments.tristar_mppt.sun import sun
from fieldstation.instruments.tristar_mppt.usual import NETWORK, SETTINGS
from fieldstation.model import Value
from fieldstation.protocol.modbus import (
    Identification,
    ReadBits,
    ReadIdentity,
    ReadWords,
    Request,
    WriteBit,
    WriteWord,
    refuse,
)

# Section 10: fast words are new every 1.5 s. Section 11.2: a sweep of the array every 5 minutes.
REFRESH_S = 1.5
SWEEP_S = 300
COILS = (range(0x0100), range(0x1000, 0x1100))
# Rails and reference as counts at 0x001E (section 11.2).
RAILS = (23570, 17962, 22836, 19436, 22310)

MODEL_60 = 1
FIRMWARE = 29


class Unit:
    """A controller for `blocks` times 12 V. `remote_sensor` says whether one is connected."""

    def __init__(self, seed: int, blocks: int, serial: str) -> None:
        self._seed = seed
        self.memory = Memory()
        self.controller = Controller(self.memory, seed, blocks)
        self.remote_sensor = True
        self.switches = 0xBC
        scale = self.memory.scale
        self.memory.put({"v_pu": scale.v_pu, "i_pu": scale.i_pu, "firmware_version": FIRMWARE})
        self.memory.put(SETTINGS)
        self.memory.put(NETWORK | {"net_netbios_name": f"tsmppt{serial}"})
        self.memory.put({"serial_number": serial, "model": MODEL_60, "hardware_version": "1.2"})

    def live(self, utc_s: float) -> None:
        """Bring all registers to what they are at `utc_s`."""
        self.controller.advance(utc_s)
        self.memory.put(self._electric(utc_s - utc_s % REFRESH_S))
        self.memory.put(self._state())
        self.memory.put(self.controller.tally.values(utc_s))
        if self.controller.state in CHARGING:
            self._sweep(utc_s - utc_s % SWEEP_S)
        self._save(utc_s)
        tick = int(utc_s / REFRESH_S)
        self.memory.load(0x001E, [rail + self._noise(2, tick, rail) for rail in RAILS])

    def _noise(self, counts: int, *key: int | str) -> int:
        return round(between(-counts, counts, self._seed, "noise", *key))

    def _electric(self, at_s: float) -> dict[str, Value]:
        unit, now = self.controller, sun(self._seed, at_s)
        charging = unit.state in CHARGING and unit.amps > 0
        volts = unit.volts + self._noise(1, int(at_s), "v") * self.memory.scale.v_pu / 32768
        power = unit.amps * volts
        array_v = now.voc
        if charging:
            used = min(1.0, unit.amps / max(unit.amps, now.power_w * unit.blocks / volts))
            array_v = now.voc - (now.voc - now.vmp) * used
        return {
            "battery_voltage": volts,
            "battery_terminal_voltage": volts + 0.015,
            "battery_sense_voltage": volts,
            "array_voltage": array_v,
            "battery_current": unit.amps,
            # The shunt of the array is up to 20 % wrong (section 4): this one by 4 %.
            "array_current": 1.04 * power / 0.95 / array_v if charging else 0.0,
            "battery_voltage_slow": unit.slow_v,
            # The sensor's offset is left in the slow current (section 10).
            "battery_current_slow": unit.slow_a + between(-0.007, 0.08, self._seed, "offset"),
            "output_power": power,
            "input_power": 1.04 * power / 0.95,
            "heatsink_temperature": round(now.air + 0.06 * power / unit.blocks),
        }

    def _state(self) -> dict[str, Value]:
        unit = self.controller
        degrees = round(unit.air_c())
        return {
            "rts_temperature": degrees if self.remote_sensor else None,
            "battery_temperature": degrees,
            "faults": unit.faults,
            "dip_switches": self.switches,
            "led_state": _code(LED_STATE, self._led()),
            "charge_state": _code(CHARGE_STATE, unit.state),
            "target_voltage": unit.target_v,
        }

    def _led(self) -> str:
        """Section 11.2, a convention."""
        state = self.controller.state
        shown = {"equalize": "green_fast_blink", "absorption": "green_blink_1hz"}
        shown |= {"float": "green_slow_blink", "fault": "error_r_g_hvd"}
        if state in shown:
            return shown[state]
        volts = self.controller.slow_v / self.controller.blocks
        for led, setting in (
            ("green", "led_green_to_green_yellow_voltage"),
            ("undefined_7", "led_green_yellow_to_yellow_voltage"),
            ("yellow", "led_yellow_to_yellow_red_voltage"),
            ("undefined_9", "led_yellow_red_to_red_voltage"),
        ):
            if volts > self.memory.value(setting):
                return led
        return "red"

    def _sweep(self, at_s: float) -> None:
        now = sun(self._seed, at_s)
        if now.light > 0:
            power = now.power_w * self.controller.blocks
            self.memory.put({"sweep_power_max": power, "sweep_vmp": now.vmp, "sweep_voc": now.voc})

    def _save(self, utc_s: float) -> None:
        """Counters that the unit keeps over a power cut, saved each midnight (section 5.2)."""
        names = ("charge_ah_resettable", "charge_ah_total", "charge_kwh_resettable")
        value = self.memory.value
        saved: dict[str, Value] = {
            f"stored_{name}": value(name) for name in (*names, "charge_kwh_total")
        }
        saved["stored_hourmeter"] = int(value("hourmeter")) // 24 * 24
        for name in ("battery_voltage_min", "battery_voltage_max", "array_voltage_max"):
            saved[f"stored_{name}"] = value(f"daily_{name}")
        day = int(utc_s // 86400)
        saved |= {"days_since_equalize": day % 28, "days_since_battery_service": day % 180}
        self.memory.put(saved)

    def answer(self, request: Request[Any]) -> Any:
        """The value of a request's reply. Raises InstrumentRefused."""
        match request:
            case ReadWords(start, count):
                return self.memory.read(start, count)
            case ReadBits(start, count):
                return self._coils(start, count)
            case ReadIdentity(level=1):
                name = MODEL[MODEL_60]
                return Identification({0: "Morningstar Corp.", 1: name, 2: "v01.02.29"})
            case WriteBit(address, on):
                return self._switch(address, on)
            case WriteWord(address, word):
                return self._write(address, word)
        # Section 2: writing several words or coils is not known to this product.
        raise refuse(3 if isinstance(request, ReadIdentity) else 1, str(request))

    def _coils(self, start: int, count: int) -> Sequence[bool]:
        if not any(start in area and start + count <= area.stop for area in COILS):
            raise refuse(2, f"{count} coils at 0x{start:04X}")
        on = {0x0000: self.controller.equalize, 0x0002: self.controller.disconnected}
        return [on.get(address, False) for address in range(start, start + count)]

    def _switch(self, address: int, on: bool) -> None:
        """Section 6. Coils that only clear something do nothing when written off."""
        unit, tally = self.controller, self.controller.tally
        self._coils(address, 1)
        if address == 0x0000:
            unit.equalize = on
        elif address == 0x0002:
            unit.disconnected = on
        elif on:
            self._clear(address)
            if address == 0x00FF:
                unit.reset()
            elif address in (0x0010, 0x0019):
                tally.clear_extremes(unit.volts)

    def _clear(self, address: int) -> None:
        tally = self.controller.tally
        if address == 0x0010:
            tally.ah_cleared = tally.ah
        elif address == 0x0012:
            tally.wh_cleared = tally.wh
        elif address == 0x0011:
            tally.ah = tally.ah_cleared = 0.0
        elif address == 0x0018:
            tally.wh = tally.wh_cleared = 0.0
        elif address == 0x0014:
            self.controller.faults = 0
        elif address == 0x0015:
            tally.alarms = 0

    def _write(self, address: int, word: int) -> None:
        """Section 7."""
        if address not in CONTROL and address not in EEPROM:
            raise refuse(2, f"a write to 0x{address:04X}")
        self.memory.load(address, [word])
        if address in EEPROM:
            self.controller.fail("custom_settings_edit")
        elif address < 0x005A:
            commanded = 0 < word < 0x8000
            self.controller.slave_s = self.controller.at_s if commanded else -math.inf


def _code(codes: Any, label: str) -> int:
    return next(int(code) for code, name in codes.items() if name == label)
