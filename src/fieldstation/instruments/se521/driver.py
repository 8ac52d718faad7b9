"""How to ask an SE521: who is there, and the four temperatures.

1. Only K and A are sent; the keys of the instrument are left to its user (`frame`, rule 3).
2. Each A carries a number that the reply repeats, so a late reply is turned down and asked again
   (SE521 sheet, section 8). `test_a_reply_to_another_request_is_turned_down`
3. With `average` above 1 a reading is a mean of samples, as the original logger stored it; a sample
   that fails is left out, and one good sample is enough (section 10).
   `test_a_mean_is_taken_over_the_samples_that_came`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, TypeVar

from fieldstation.errors import CodecError, LinkTimeout
from fieldstation.instruments.se521 import frame
from fieldstation.instruments.se521.averaging import averaged
from fieldstation.instruments.se521.channels import KIND, LIVE
from fieldstation.instruments.se521.codec import open_identify, open_live
from fieldstation.instruments.se521.live import Rules, kept
from fieldstation.model import (
    Conversation,
    Driver,
    Exchange,
    HidLine,
    Identity,
    Line,
    Option,
    OptionValue,
    Poll,
    SerialLine,
    Value,
    ask,
)

T = TypeVar("T")

# Section 3: 1.2 s for each report of a reply, which all come together; the pauses are the link's.
TIMEOUT_S = 1.5
QUIET_S = 0.05
# Section 8: re-read once.
ATTEMPTS = 2
HID = HidLine(features=bytes((frame.FEATURE,)), input_bytes=frame.REPORT_BYTES)
SERIAL = SerialLine(9600)

OPTIONS = (
    Option("wire", "hid", "hid, or serial for units with a serial port", choices=("hid", "serial")),
    Option("average", 1, "samples in a reading; the original logger took 20", 1, 60),
    Option("pause_s", 1.0, "seconds between the samples of a mean", 0.1, 60),
    Option(
        "raw_unit",
        "fahrenheit",
        "unit of the values on the wire",
        choices=("fahrenheit", "by_flag"),
    ),
    Option("flag_layout", "s", "how byte 6 marks open inputs", choices=("s", "o_comment")),
    Option("min_valid_f", -200.0, "what is colder is no temperature, in °F", -460, 32),
    Option("checksum", True, "turn down replies whose checksum is wrong"),
)


class Se521Driver:
    """See `fieldstation.model.Driver` and `Tunable`."""

    kind = KIND
    # The instrument converts a few times per second; the original logger stored a row per minute.
    default_every_s = 10.0
    # Other things have this number too (SE521 sheet, section 1).
    usb_numbers = ((0x04D9, 0xE000),)
    # The number in each request tells late replies apart.
    resync: Exchange[Any] | None = None
    options: Sequence[Option] = OPTIONS

    def __init__(self, values: Mapping[str, OptionValue] | None = None) -> None:
        self._values = values or {option.name: option.default for option in OPTIONS}
        self._serial = self._values["wire"] == "serial"
        self._rules = Rules(
            str(self._values["raw_unit"]),
            str(self._values["flag_layout"]),
            float(self._values["min_valid_f"]),
            bool(self._values["checksum"]),
        )

    @property
    def line(self) -> Line:
        """USB reports, or the serial line of re-badged units."""
        return SERIAL if self._serial else HID

    def configured(self, values: Mapping[str, OptionValue]) -> Driver:
        """The driver with these options."""
        return Se521Driver(values)

    def identify(self) -> Conversation[Identity]:
        """Ask for the model; the unit has no number. Raises CodecError `wrong_model`."""
        model = yield from ask(self._identify())
        return Identity(self.kind, "", model, {"model": model})

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """One poll: everything is in one reply."""
        counter = count(1)

        def sample(quiet_s: float = QUIET_S) -> Conversation[dict[str, Value]]:
            exchange = self._live(next(counter) & 0xFF)
            return kept((yield from ask(replace(exchange, quiet_s=quiet_s))), self._rules)

        def converse() -> Conversation[dict[str, Value]]:
            samples: list[dict[str, Value]] = []
            failure: LinkTimeout | CodecError = LinkTimeout("no sample was taken")
            for place in range(int(self._values["average"])):
                try:
                    samples.append(
                        (yield from sample(float(self._values["pause_s"]) if place else QUIET_S))
                    )
                except (LinkTimeout, CodecError) as error:
                    failure = error
            if not samples:
                raise failure
            return averaged(samples)

        return [Poll(LIVE, converse)]

    def _identify(self) -> Exchange[str]:
        return self._exchange(frame.IDENTIFY, 0, open_identify)

    def _live(self, counter: int) -> Exchange[bytes]:
        return self._exchange(
            frame.LIVE, counter, lambda data: open_live(data, counter, summed=self._rules.checksum)
        )

    def _exchange(self, letter: str, counter: int, opened: Callable[[bytes], T]) -> Exchange[T]:
        command, size = frame.encode_command(letter, counter), frame.REPLY_BYTES[letter]
        if self._serial:
            end = frame.serial_end(size)
            return Exchange(command, end, opened, TIMEOUT_S, QUIET_S, ATTEMPTS, letter)
        return Exchange(
            frame.encode_reports(command, size),
            frame.reports_end(size),
            lambda reports: opened(frame.frame_of(reports, size)),
            TIMEOUT_S,
            QUIET_S,
            ATTEMPTS,
            letter,
        )


DRIVER: Driver = Se521Driver()
