"""The live block: read once for all layouts that are due together, and judged before it is used.

1. A layout takes its part of a block once. Who comes again for his part reads the block anew, for
   everybody (test_one_read_serves_all_layouts_that_are_due).
2. After a failed read nothing old is left to take (test_failed_read_leaves_nothing_old).
3. A block that cannot be true is a bad reply, so it is asked for again: values beyond the limits of
   section 10 of the TriStar MPPT sheet, and an hourmeter that went back by less than one carry, as
   when its two words were taken at different moments (section 13)
   (test_block_that_cannot_be_true_is_asked_for_again).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.tristar_mppt import channels
from fieldstation.instruments.tristar_mppt.registers import Orders, decode_words, scale_of
from fieldstation.instruments.tristar_mppt.reply import LIVE
from fieldstation.instruments.tristar_mppt.values import kept
from fieldstation.model import Conversation, Exchange, Layout, Value, ask
from fieldstation.protocol.modbus import Client

JUDGED = (
    "battery_voltage", "array_voltage", "battery_current", "heatsink_temperature",
    "battery_temperature",
)  # fmt: skip
# The low word of the hourmeter carries into the high one every so many hours.
CARRY_H = 0x10000


class Board:
    """Values of the last live block, and which layouts have not taken theirs."""

    def __init__(self, client: Client, orders: Orders) -> None:
        self._client = client
        self._orders = orders
        self._values: dict[str, Value] = {}
        self._untaken: set[str] = set()
        self._hours = 0

    def take(self, layout: Layout) -> Conversation[dict[str, Value]]:
        """The part of `layout`, read now or just before for another layout."""
        if layout.name not in self._untaken:
            self._untaken = set()
            self._values = yield from ask(self._exchange())
            self._untaken = {each.name for each in channels.LIVE}
        self._untaken.discard(layout.name)
        return kept(self._values, layout)

    def _exchange(self) -> Exchange[dict[str, Value]]:
        read: Exchange[Any] = self._client.exchange(LIVE)
        return replace(read, decode=lambda frame: self._judge(read.decode(frame)))

    def _judge(self, words: tuple[int, ...]) -> dict[str, Value]:
        values = decode_words(LIVE.start, words, scale_of(words), self._orders)
        for name in JUDGED:
            _check_limits(name, values)
        hours, before = int(values["hourmeter"] or 0), self._hours
        # Kept even if refused: a meter that really starts lower is believed the second time.
        self._hours = hours
        if before - CARRY_H < hours < before:
            raise CodecError("torn", f"the hourmeter went back from {before} to {hours} h")
        return values


def _check_limits(name: str, values: Mapping[str, Value]) -> None:
    channel, value = channels.CHANNELS[name], values[name]
    low, high = channel.low or 0, channel.high or 0
    if value is not None and not low <= float(value) <= high:
        raise CodecError(
            "implausible",
            f"{channel.label} {value:g} {channel.unit} is outside {low:g} to {high:g}; "
            "the block was read wrongly",
        )
