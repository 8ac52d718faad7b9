"""How a driver talks without touching a wire: exchanges, conversations, polls, twins.

A conversation is a generator. It yields what to send and how to know the end of the reply, and
receives the decoded reply; whoever runs it owns the line, the deadlines and the retries.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from fieldstation.model.channel import Value
from fieldstation.model.layout import Layout
from fieldstation.model.option import Option, OptionValue, chosen

T = TypeVar("T")

FrameEnd = Callable[[bytes], int | None]
"""Looks at the bytes received so far: the length of the first whole frame, or None while it is not
complete.

Raises CodecError when the bytes can never become a frame.
"""


@dataclass(frozen=True, slots=True)
class Exchange(Generic[T]):
    """One request and its reply.

    `decode` turns the frame into what the conversation wants. It raises CodecError for a frame
    that is damaged or belongs to something else (the runner drains the line and asks again,
    `attempts` times in all), and InstrumentRefused for a no (final). Times in seconds: `timeout_s`
    from the last byte of the request to the last of the reply, `quiet_s` of silence before the
    request.

    `overhear` is for instruments that also speak unasked and say in every frame what it is. It is
    given each frame, those that came before the request too, and answers True for one that is not
    the reply: the wait goes on. On such a line nothing is thrown away and no reply is owed.
    """

    request: bytes
    end: FrameEnd
    decode: Callable[[bytes], T]
    timeout_s: float = 2.5
    quiet_s: float = 0.05
    attempts: int = 3
    name: str = ""
    overhear: Callable[[bytes], bool] | None = None


Conversation = Generator[Exchange[Any], Any, T]


def ask(exchange: Exchange[T]) -> Conversation[T]:
    """One exchange as a typed step: `value = yield from ask(exchange)`."""
    reply: T = yield exchange
    return reply


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers: `serial` is the unit's own number (empty when it has none), `facts` whatever
    else it told.
    """

    kind: str
    serial: str = ""
    model: str = ""
    facts: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Poll:
    """One line of a polling plan: what to read, how often. `every` counts in the instrument's own
    interval (1 = each).
    """

    layout: Layout
    converse: Callable[[], Conversation[dict[str, Value]]]
    every: int = 1


@dataclass(frozen=True, slots=True)
class SerialLine:
    """Settings of a serial line: `baud` bits per second, `data_bits` 5 to 8, `parity` N, E or O,
    `stop_bits` 1 or 2.
    """

    baud: int = 9600
    data_bits: int = 8
    parity: str = "N"
    stop_bits: int = 1


@dataclass(frozen=True, slots=True)
class SpiLine:
    """Settings of an SPI bus: `mode` 0 to 3 (CPOL, CPHA as the standard numbers them), `hz` the
    clock. `pause_us` is the pause after each byte, in which the select line is released; 0 sends a
    request in one piece.
    """

    mode: int = 0
    hz: int = 500_000
    pause_us: int = 0


@dataclass(frozen=True, slots=True)
class I2cLine:
    """The chip's usual 7-bit `address` on an I2C bus; an address in the port wins over it."""

    address: int


@dataclass(frozen=True, slots=True)
class HidLine:
    """How a USB HID instrument takes and gives reports. Of the eight bytes that go out at a time,
    those that begin with a byte of `features` are a feature report, all others an output report.
    What comes in is filled up with NUL to `input_bytes`, so that a stream of reports can be cut
    again.
    """

    features: bytes = b""
    input_bytes: int = 0


@dataclass(frozen=True, slots=True)
class MqttLine:
    """How a broker is spoken to. `password_file` and `ca_file` are paths, empty for none;
    `client_id` names the session that the broker keeps, empty for one made from the machine.
    """

    user: str = ""
    password_file: str = ""
    ca_file: str = ""
    client_id: str = ""


Line = SerialLine | SpiLine | I2cLine | HidLine | MqttLine
"""Settings of whatever carries an instrument's bytes."""


class Driver(Protocol):
    """What `instruments/<kind>/driver.py` offers as `DRIVER`. Pure: nothing in it awaits, sleeps,
    opens or logs.
    """

    kind: str
    """The folder's name, which is the word in the configuration."""
    default_every_s: float
    """The interval that suits the instrument when the configuration names none."""

    @property
    def line(self) -> Line:
        """Settings of its line that the instrument leaves the factory with."""
        ...

    resync: Exchange[Any] | None
    """An exchange whose reply looks unlike any reading. After a reply went missing the runner asks
    this until it is answered, so that a late reply is met and thrown away there. None: the runner
    waits the line quiet instead.
    """

    def identify(self) -> Conversation[Identity]:
        """Ask who is there, with requests that change nothing, and no more of them than the first
        poll needs (see `Exploring`). CodecError or LinkTimeout: not this kind.
        """
        ...

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """What to poll on this unit. The first poll is the main one; it is the same for a unit that
        has told nothing but its kind.
        """
        ...


@runtime_checkable
class Tunable(Protocol):
    """A driver with options that an operator may set."""

    @property
    def options(self) -> Sequence[Option]:
        """All options there are."""
        ...

    def configured(self, values: Mapping[str, OptionValue]) -> Driver:
        """The driver with `values`, which hold every option, checked."""
        ...


def configured(driver: Driver, given: Mapping[str, object]) -> Driver:
    """`driver` with the options that the operator gave. Raises ConfigError with one sentence for
    each that is unknown or wrong.
    """
    if not isinstance(driver, Tunable):
        chosen((), given)
        return driver
    return driver.configured(chosen(driver.options, given))


@runtime_checkable
class Paced(Protocol):
    """A driver to which it matters how far apart its readings are: its instrument wants to be asked
    more often, or a reading takes its time.
    """

    def paced(self, every_s: float) -> Driver:
        """The driver for readings `every_s` seconds apart. The main poll may take nearly as long.
        Raises ConfigError for an interval that is too short, as the end of a sentence that begins
        with it.
        """
        ...


def paced(driver: Driver, every_s: float) -> Driver:
    """`driver` for readings `every_s` seconds apart. Raises ConfigError."""
    return driver.paced(every_s) if isinstance(driver, Paced) else driver


@runtime_checkable
class Restless(Protocol):
    """A driver whose instrument must not be left alone for long."""

    def idle(self) -> Conversation[None]:
        """What to say every IDLE_S while no reading is due. It changes nothing."""
        ...


IDLE_S = 20.0


def idle(driver: Driver) -> Conversation[None] | None:
    """What to say while no reading is due; None when nothing needs to be."""
    return driver.idle() if isinstance(driver, Restless) else None


@runtime_checkable
class Exploring(Protocol):
    """A driver that asks at first only for what a first reading needs."""

    def explore(self, identity: Identity) -> Conversation[Identity]:
        """Ask for the rest, which may take its time: the same unit with more facts. The plan made
        from them has the same first poll.
        """
        ...


def explored(driver: Driver, identity: Identity) -> Conversation[Identity]:
    """All that `driver` finds out about the unit that it identified."""
    if isinstance(driver, Exploring):
        return (yield from driver.explore(identity))
    return identity


def acquainted(driver: Driver) -> Conversation[Identity]:
    """Who is there, with all facts: `identify` and `explored` in one."""
    identity = yield from driver.identify()
    return (yield from explored(driver, identity))


@runtime_checkable
class Leaving(Protocol):
    """A driver whose instrument should not stay as it runs (a fan to switch off)."""

    def farewell(self) -> Conversation[None]:
        """What to say before the link is closed for good; harmless on a unit in any state."""
        ...


# How long a farewell may take: a unit that is met out of step wants silence first. Whoever tells a
# station to stop waits for it a little longer.
FAREWELL_S = 7.0


def farewell(driver: Driver) -> Conversation[None] | None:
    """The driver's farewell; None when it has none."""
    return driver.farewell() if isinstance(driver, Leaving) else None


def usb_numbers(driver: Driver) -> frozenset[tuple[int, int]]:
    """Vendor and product numbers of the USB HID devices that a driver's instrument may be; a driver
    says so in an attribute of this name.
    """
    return frozenset(getattr(driver, "usb_numbers", ()))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Bytes that a twin puts on the line, `delay_s` after the bytes that caused them."""

    data: bytes
    delay_s: float = 0.0


class Twin(Protocol):
    """A simulated unit that speaks the instrument's real bytes. Pure: it is told the time and owns
    no clock.

    `utc_s` is the wall time in seconds since 1970 and may run at any speed.
    """

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """Take bytes as they come off the line (any split), answer with what goes back and when."""
        ...


def speaks_every_s(twin: Twin) -> float:
    """How often a twin wants `receive(b"", now)` so that it can speak unasked, in seconds; 0 for
    one that only answers. A twin says so in an attribute of this name.
    """
    return float(getattr(twin, "speaks_every_s", 0.0))
