"""How to talk to a VEML7700 (I2C sensors sheet, sections 2.2 and 2.5).

1. Gain and time follow the light, up and down the vendor's ladder, at most 8 steps for a reading.
   `test_range_follows_the_light`
2. After a change two periods pass before the counts are believed, since the first result may be
   mixed. `test_result_from_before_a_change_is_never_kept`
3. The configuration is read back with every reading: a part that lost it (shut down after a dip of
   its supply) is configured again. `test_chip_that_lost_its_settings_is_set_again`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fieldstation.errors import CodecError, LinkTimeout
from fieldstation.instruments.veml7700 import channels, codec
from fieldstation.instruments.veml7700.ladder import MOST_STEPS, START, Range, next_range
from fieldstation.instruments.veml7700.lux import (
    BASE_LX,
    CORRECTED_FROM_LX,
    GAINS,
    RESERVED,
    TIMES_MS,
    config_word,
)
from fieldstation.model import (
    Conversation,
    Driver,
    Exchange,
    I2cLine,
    Identity,
    Option,
    OptionValue,
    Poll,
    Value,
)
from fieldstation.protocol.i2c import transact

CONFIG, ALS, WHITE = b"\x00", b"\x04", b"\x05"

OPTIONS = (
    Option(
        "resolution_base", BASE_LX, "Lux of one count at gain 2 and 800 ms. 0.0036 repeats"
        " records made after the data sheet of 2017.", choices=(0.0042, 0.0036),
    ),
    Option(
        "correction_from_lx", CORRECTED_FROM_LX, "Lux above which the vendor's correction for"
        " bright light is applied; its texts say 1000 and 100.", choices=(1000.0, 100.0),
    ),
    Option("automatic_range", True, "Let gain and time follow the light."),
    Option(
        "gain", START.gain, "Gain, or the first one when the range is automatic.",
        choices=tuple(sorted(GAINS.values())),
    ),
    Option(
        "integration_ms", START.integration_ms, "Integration time in milliseconds, or the first"
        " one when the range is automatic.", choices=tuple(sorted(TIMES_MS.values())),
    ),
)  # fmt: skip


class Veml7700Driver:
    """The driver; see model.talk.Driver and Tunable. `values` are its options."""

    kind = channels.KIND
    default_every_s = 10.0
    line = I2cLine(0x10)
    resync: Exchange[Any] | None = None
    options = OPTIONS

    def __init__(self, values: Mapping[str, OptionValue] | None = None) -> None:
        self._values = values or {option.name: option.default for option in OPTIONS}

    def configured(self, values: Mapping[str, OptionValue]) -> Driver:
        """The driver with these options."""
        return Veml7700Driver(values)

    def identify(self) -> Conversation[Identity]:
        """The part has neither number nor name, so only its configuration tells. Raises CodecError
        for a word that no VEML7700 can have.
        """
        word = yield from transact(CONFIG, 2, name="its configuration")
        if int.from_bytes(word, "little") & RESERVED:
            raise CodecError("wrong_model", "register 0 is not that of a VEML7700", data=word)
        facts: dict[str, Value] = {"resolution_base": float(self._values["resolution_base"])}
        return Identity(self.kind, "", "VEML7700", facts)

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """Light."""
        return (Poll(channels.LIGHT, _Chip(self._values).reading),)


class _Chip:
    """One connection to a part. `_range` is what it should be set to."""

    def __init__(self, values: Mapping[str, OptionValue]) -> None:
        self._range = Range(float(values["gain"]), int(values["integration_ms"]))
        self._scale = float(values["resolution_base"]), float(values["correction_from_lx"])
        self._automatic = bool(values["automatic_range"])
        self._wait_s = 0.0

    def reading(self) -> Conversation[dict[str, Value]]:
        """Light, at a range that suits it. Raises CodecError."""
        try:
            data = yield from self._settled()
        except (CodecError, LinkTimeout):
            self._wait_s = 0.0
            raise
        return codec.read_frame("reading", data, *self._scale)

    def _settled(self) -> Conversation[bytes]:
        word = yield from transact(CONFIG, 2, name="its configuration")
        if word != self._word():
            yield from self._configure()
        data = yield from self._measured()
        for _ in range(MOST_STEPS if self._automatic else 0):
            better = next_range(int.from_bytes(data[2:4], "little"), self._range)
            if better is None:
                break
            self._range = better
            yield from self._configure()
            data = yield from self._measured()
        return data

    def _measured(self) -> Conversation[bytes]:
        counts = yield from transact(ALS, 2, wait_s=self._wait_s, name="its light")
        self._wait_s = 0.0
        white = yield from transact(WHITE, 2, name="its white channel")
        word = yield from transact(CONFIG, 2, name="its configuration")
        return word + counts + white

    def _configure(self) -> Conversation[None]:
        yield from transact(CONFIG + self._word(shut_down=True), name="its configuration")
        yield from transact(CONFIG + self._word(), name="its configuration")
        self._wait_s = self._range.settled_s

    def _word(self, *, shut_down: bool = False) -> bytes:
        word = config_word(self._range.gain, self._range.integration_ms, shut_down=shut_down)
        return word.to_bytes(2, "little")


DRIVER: Driver = Veml7700Driver()
