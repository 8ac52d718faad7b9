"""Blocks that several layouts share, read once for all that are due together. The live block is
judged before it is used.

1. A layout takes its part of a block once. Who comes again for his part reads the block anew, for
   everybody (test_one_read_serves_all_layouts_that_are_due,
   test_settings_are_read_once_for_both_their_layouts).
2. After a failed read nothing old is left to take (test_failed_read_leaves_nothing_old).
3. A block that cannot be true is a bad reply, so it is asked for again: values beyond the limits of
   section 10 of the TriStar MPPT sheet, and an hourmeter that went back by less than one carry, as
   when its two words were taken at different moments (section 13)
   (test_block_that_cannot_be_true_is_asked_for_again).
4. Scaling terms and battery voltage are those of the last live block, which every tick begins with;
   where none was read they are asked for (test_settings_are_decoded_with_the_terms_of_the_unit,
   test_other_blocks_need_no_terms_of_their_own).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.tristar_mppt import channels
from fieldstation.instruments.tristar_mppt.forms import Scale
from fieldstation.instruments.tristar_mppt.registers import Orders, decode_words, scale_of
from fieldstation.instruments.tristar_mppt.reply import BATTERY, LIVE, SETTINGS
from fieldstation.instruments.tristar_mppt.scaling import scaled, system_of
from fieldstation.instruments.tristar_mppt.values import kept
from fieldstation.model import Conversation, Exchange, Layout, Value, ask
from fieldstation.protocol.modbus import Client

JUDGED = (
    "battery_voltage", "array_voltage", "battery_current", "heatsink_temperature",
    "battery_temperature",
)  # fmt: skip
# The low word of the hourmeter carries into the high one every so many hours.
CARRY_H = 0x10000


class Block(ABC):
    """Values of a block that `layouts` share, and which of them have not taken theirs."""

    def __init__(self, layouts: Iterable[Layout]) -> None:
        self._names = {layout.name for layout in layouts}
        self._values: dict[str, Value] = {}
        self._untaken: set[str] = set()

    def take(self, layout: Layout) -> Conversation[dict[str, Value]]:
        """The part of `layout`, read now or just before for another layout."""
        if layout.name not in self._untaken:
            self._untaken = set()
            self._values = yield from self._read()
            self._untaken = set(self._names)
        self._untaken.discard(layout.name)
        return kept(self._values, layout)

    @abstractmethod
    def _read(self) -> Conversation[dict[str, Value]]:
        """All values of the block."""


class Board(Block):
    """The live block."""

    def __init__(self, client: Client, orders: Orders) -> None:
        super().__init__(channels.LIVE)
        self._client = client
        self._orders = orders
        self._hours = 0
        self._measured: tuple[Scale, float] | None = None

    def measured(self) -> Conversation[tuple[Scale, float]]:
        """Scaling terms and battery voltage (V). Raises CodecError `implausible`."""
        if self._measured is None:
            words = yield from ask(self._client.exchange(BATTERY))
            self._note(scale_of(words), decode_words(BATTERY.start, words, scale_of(words)))
        assert self._measured is not None
        return self._measured

    def _note(self, scale: Scale, values: Mapping[str, Value]) -> None:
        self._measured = scale, float(values["battery_voltage"] or 0)

    def _read(self) -> Conversation[dict[str, Value]]:
        self._measured = None
        return (yield from ask(self._exchange()))

    def _exchange(self) -> Exchange[dict[str, Value]]:
        read: Exchange[Any] = self._client.exchange(LIVE)
        return replace(read, decode=lambda frame: self._judge(read.decode(frame)))

    def _judge(self, words: tuple[int, ...]) -> dict[str, Value]:
        scale = scale_of(words)
        values = decode_words(LIVE.start, words, scale, self._orders)
        for name in JUDGED:
            _check_limits(name, values)
        hours, before = int(values["hourmeter"] or 0), self._hours
        # Kept even if refused: a meter that really starts lower is believed the second time.
        self._hours = hours
        if before - CARRY_H < hours < before:
            raise CodecError("torn", f"the hourmeter went back from {before} to {hours} h")
        self._note(scale, values)
        return values


class Settings(Block):
    """The charge settings, as they stand and as they act on the battery: one of `system` volts, or
    for 0 the one that `board` measures. `array` says whether the fixed array voltage is multiplied.
    """

    def __init__(self, client: Client, board: Board, system: int, *, array: bool) -> None:
        super().__init__((channels.SETTINGS, channels.SCALED))
        self._client = client
        self._board = board
        self._system = system
        self._array = array

    def _read(self) -> Conversation[dict[str, Value]]:
        scale, volts = yield from self._board.measured()
        words = yield from ask(self._client.exchange(SETTINGS))
        values = decode_words(SETTINGS.start, words, scale)
        return values | scaled(values, self._system or system_of(volts), array=self._array)


def _check_limits(name: str, values: Mapping[str, Value]) -> None:
    channel, value = channels.CHANNELS[name], values[name]
    low, high = channel.low or 0, channel.high or 0
    if value is not None and not low <= float(value) <= high:
        raise CodecError(
            "implausible",
            f"{channel.label} {value:g} {channel.unit} is outside {low:g} to {high:g}; "
            "the block was read wrongly",
        )
