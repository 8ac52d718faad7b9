"""How to ask an SE521: who is there, and the four temperatures.

1. Only K and A are sent; the keys of the instrument are left to its user (`frame`, rule 3).
2. Each A carries a number that the reply repeats, so a late reply is turned down and asked again
   (SE521 sheet, section 8). `test_a_reply_to_another_request_is_turned_down`
3. With `average` above 1 a reading is a mean of samples, as the original logger stored it; a sample
   that fails is left out, and one good sample is enough (section 10).
   `test_a_mean_is_taken_over_the_samples_that_came`
4. What the sheet is not sure about is an option with the sheet's own choice as its default.
   `test_every_doubt_of_the_sheet_is_an_option`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, TypeVar

from fieldstation.errors import CodecError, ConfigError, LinkTimeout
from fieldstation.instruments.se521 import frame
from fieldstation.instruments.se521.averaging import EXCHANGE_S, Told, averaged
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
    Option(
        "wire", "hid", "How it is connected: hid by USB, serial for re-badged units with a serial"
        " port, 9600 8N1.", choices=("hid", "serial"),
    ),
    Option(
        "average", 1, "Samples in a reading; those that fail are left out. The original logger took"
        " 20.", 1, 60,
    ),
    Option("pause_s", 1.0, "Seconds between the samples of a mean.", 0.1, 60),
    Option(
        "change_k", 0.0, "A temperature that changed by less, in kelvin, is told as it was told"
        " before. The original logger told every change.", 0, 10,
    ),
    Option(
        "raw_unit", "fahrenheit", "Unit of the values on the wire; by_flag: that of the display.",
        choices=("fahrenheit", "by_flag"),
    ),
    Option(
        "raw_step", "tenths", "Step of the values on the wire; by_flag: whole degrees of inputs"
        " that are shown without decimal.", choices=("tenths", "by_flag"),
    ),
    Option("signed", True, "Whether values on the wire may be below zero."),
    Option(
        "flag_layout", "s", "How byte 6 marks open inputs; o_comment: a set bit is a good input,"
        " the highest of four is T1.", choices=("s", "o_comment"),
    ),
    Option("min_valid_f", -200.0, "What is colder is no temperature, in °F.", -460, 32),
    Option("difference_hides", True, "Whether T3 and T4 are not measured in T1-T2 mode."),
    Option("checksum", True, "Whether replies with a wrong checksum are turned down."),
    Option("counter", True, "Whether replies with another number than the request's are turned"
           " down."),
)  # fmt: skip


class Se521Driver:
    """See `Driver`, `Tunable` and `Paced` in `fieldstation.model.talk`."""

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
            raw_unit=str(self._values["raw_unit"]),
            raw_step=str(self._values["raw_step"]),
            signed=bool(self._values["signed"]),
            flag_layout=str(self._values["flag_layout"]),
            min_valid_f=float(self._values["min_valid_f"]),
            difference_hides=bool(self._values["difference_hides"]),
        )

    @property
    def line(self) -> Line:
        """USB reports, or the serial line of re-badged units."""
        return SERIAL if self._serial else HID

    def configured(self, values: Mapping[str, OptionValue]) -> Driver:
        """The driver with these options."""
        return Se521Driver(values)

    def paced(self, every_s: float) -> Driver:
        """This driver. Raises ConfigError when a mean takes longer than the interval."""
        samples, pause_s = int(self._values["average"]), float(self._values["pause_s"])
        takes_s = samples * EXCHANGE_S + (samples - 1) * pause_s
        if samples > 1 and takes_s > every_s:
            raise ConfigError(
                f"is {every_s:g}, but {samples} samples {pause_s:g} s apart take {takes_s:.0f} s;"
                " raise it, or take fewer"
            )
        return self

    def identify(self) -> Conversation[Identity]:
        """Ask for the model; the unit has no number. Raises CodecError `wrong_model`."""
        model = yield from ask(self._identify())
        return Identity(self.kind, "", model, {"model": model})

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """One poll: everything is in one reply."""
        counter, told = count(1), Told(float(self._values["change_k"]))

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
            return told.settled(averaged(samples))

        return [Poll(LIVE, converse)]

    def _identify(self) -> Exchange[str]:
        return self._exchange(frame.IDENTIFY, 0, open_identify)

    def _live(self, counter: int) -> Exchange[bytes]:
        wanted = counter if self._values["counter"] else None
        summed = bool(self._values["checksum"])
        return self._exchange(
            frame.LIVE, counter, lambda data: open_live(data, wanted, summed=summed)
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
