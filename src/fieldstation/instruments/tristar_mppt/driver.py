"""How to talk to a TriStar MPPT: who is there, and what to poll.

1. Only reads are sent here. Writing a register wears the EEPROM and stops charging until a reset
   (TriStar MPPT sheet, section 7), so no way from the configuration leads to a write
   (test_driver_sends_nothing_but_reads).
2. Every block is scaled with terms read from the same unit (see `board`).
3. On TCP replies carry the number of their request; on a serial line a read of one coil tells a
   late reply from the next one, as no reading looks like it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fieldstation.errors import CodecError, InstrumentRefused, LinkTimeout
from fieldstation.instruments.tristar_mppt import channels
from fieldstation.instruments.tristar_mppt.board import Board, Settings
from fieldstation.instruments.tristar_mppt.registers import Orders, decode_words, scale_of
from fieldstation.instruments.tristar_mppt.reply import (
    CONTROL,
    IDENTITY,
    SCALE,
    STORED,
    identity_texts,
)
from fieldstation.instruments.tristar_mppt.scaling import SYSTEMS
from fieldstation.instruments.tristar_mppt.values import kept
from fieldstation.model import (
    Conversation,
    Driver,
    Exchange,
    Identity,
    Layout,
    Option,
    OptionValue,
    Poll,
    SerialLine,
    Value,
    ask,
)
from fieldstation.protocol.modbus import WIRES, Client, ReadBits, ReadIdentity, ReadWords

# Sections 1.2 and 1.3: a reply of 80 words takes 0.2 s on the serial line, and other programs give
# the network processor 5 s and more.
TIMEOUT_S = {"rtu": 1.0, "tcp": 5.0}
QUIET_S = {"rtu": 0.01, "tcp": 0.0}

# The disconnect coil (section 6), read only.
RESYNC = ReadBits(0x0002, 1)

_HIGH, _LOW = "high_first", "low_first"
OPTIONS = (
    Option("unit", 1, "Modbus unit number of the controller", 1, 247),
    Option("wire", "rtu", "rtu for serial lines, tcp for Modbus TCP", choices=("rtu", "tcp")),
    Option(
        "ram_order",
        _HIGH,
        "which word of hourmeter, charge and alarms comes first",
        choices=(_HIGH, _LOW),
    ),
    Option(
        "eeprom_order",
        _LOW,
        "which word of the saved counters comes first",
        choices=(_HIGH, _LOW),
    ),
    Option(
        "system_voltage",
        0,
        "nominal battery voltage that settings act on; 0: told from the measured one",
        choices=(0, *SYSTEMS),
    ),
    Option(
        "array_voltage_scales",
        False,
        "whether the fixed array voltage among the settings is multiplied as well",
    ),
    Option("timeout_s", 0.0, "longest wait for a reply; 0: 1 s on rtu, 5 s on tcp", 0, 60),
)

# How seldom a layout is read at 10 s: what moves slowly each minute, what others may set each
# hour, what people set or the controller saves once a day each day.
_LIVE_EVERY = {"temperature": 6, "daily": 6}
HOUR, DAY = 360, 8640


class TristarDriver:
    """See `fieldstation.model.Driver`. `settings` holds every option."""

    kind = channels.KIND
    default_every_s = 10.0
    line = SerialLine(9600, stop_bits=2)
    options: Sequence[Option] = OPTIONS

    def __init__(self, settings: Mapping[str, OptionValue]) -> None:
        self._wire = str(settings["wire"])
        self._unit = int(settings["unit"])
        self._orders = Orders(settings["ram_order"] == _HIGH, settings["eeprom_order"] == _HIGH)
        self._timeout_s = float(settings["timeout_s"]) or TIMEOUT_S[self._wire]
        self._system = int(settings["system_voltage"])
        self._array_scales = bool(settings["array_voltage_scales"])
        self.resync: Exchange[Any] | None = self._client().exchange(RESYNC, attempts=1)

    def configured(self, values: Mapping[str, OptionValue]) -> Driver:
        """The driver with `values`, which hold every option, checked."""
        return TristarDriver(values)

    def identify(self) -> Conversation[Identity]:
        """Ask for scaling terms and firmware, serial, model and hardware; a unit that refuses these
        for its device identification.

        Raises CodecError `implausible` for a unit whose scaling terms are no TriStar MPPT's.
        """
        client = self._client()
        facts = yield from _registered(client)
        if "model" not in facts:
            facts |= yield from _described(client)
        serial = str(facts.get("serial_number", ""))
        model = channels.CHANNELS["model"].label_of(facts.get("model"))
        return Identity(self.kind, serial, model or str(facts.get("product_code", "")), facts)

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """One read for the live layouts, the electric values first; the rest seldom."""
        client = self._client()
        board = Board(client, self._orders)
        settings = Settings(client, board, self._system, array=self._array_scales)
        block = partial(self._block, client, board)
        live = [
            Poll(layout, partial(board.take, layout), _LIVE_EVERY.get(layout.name, 1))
            for layout in channels.LIVE
        ]
        return [
            *live,
            Poll(channels.CONTROL, partial(block, channels.CONTROL, CONTROL), HOUR),
            Poll(channels.SETTINGS, partial(settings.take, channels.SETTINGS), DAY),
            Poll(channels.SCALED, partial(settings.take, channels.SCALED), DAY),
            Poll(channels.STORED, partial(block, channels.STORED, STORED), DAY),
            Poll(channels.UNIT, partial(_unit, client, identity), DAY),
        ]

    def _client(self) -> Client:
        return Client(
            WIRES[self._wire],
            self._unit,
            timeout_s=self._timeout_s,
            quiet_s=QUIET_S[self._wire],
        )

    def _block(
        self, client: Client, board: Board, layout: Layout, request: ReadWords
    ) -> Conversation[dict[str, Value]]:
        scale, _volts = yield from board.measured()
        words = yield from ask(client.exchange(request))
        return kept(decode_words(request.start, words, scale, self._orders), layout)


def _unit(client: Client, identity: Identity) -> Conversation[dict[str, Value]]:
    """Who the unit is, by what it was identified by and by its own description."""
    return kept(identity.facts | (yield from _described(client)), channels.UNIT)


def _registered(client: Client) -> Conversation[dict[str, Value]]:
    """Scaling terms and firmware; serial, model and hardware unless the unit refuses. Raises
    CodecError `implausible`.
    """
    words = yield from ask(client.exchange(SCALE))
    scale = scale_of(words)
    facts = decode_words(SCALE.start, words, scale)
    try:
        words = yield from ask(client.exchange(IDENTITY))
    except InstrumentRefused:
        return facts
    return facts | decode_words(IDENTITY.start, words, scale)


def _described(client: Client) -> Conversation[dict[str, Value]]:
    """Texts of the device identification; nothing from a unit that has none."""
    try:
        page = yield from ask(client.exchange(ReadIdentity(), attempts=1))
    except (InstrumentRefused, LinkTimeout, CodecError):
        return {}
    return identity_texts(page)


DRIVER = TristarDriver({option.name: option.default for option in OPTIONS})
