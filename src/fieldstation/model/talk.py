"""How a driver talks without touching a wire: exchanges, conversations, polls, twins.

A conversation is a generator. It yields what to send and how to know the end of the reply, and
receives the decoded reply; whoever runs it owns the line, the deadlines and the retries.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from fieldstation.model.channel import Value
from fieldstation.model.layout import Layout

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
    """

    request: bytes
    end: FrameEnd
    decode: Callable[[bytes], T]
    timeout_s: float = 2.5
    quiet_s: float = 0.05
    attempts: int = 3
    name: str = ""


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


class Driver(Protocol):
    """What `instruments/<kind>/driver.py` offers as `DRIVER`. Pure: nothing in it awaits, sleeps,
    opens or logs.
    """

    kind: str
    """The folder's name, which is the word in the configuration."""
    default_every_s: float
    """The interval that suits the instrument when the configuration names none."""
    line: SerialLine
    """Serial settings that the instrument leaves the factory with."""
    resync: Exchange[Any] | None
    """An exchange whose reply looks unlike any reading. After a reply went missing the runner asks
    this until it is answered, so that a late reply is met and thrown away there. None: the runner
    waits the line quiet instead.
    """

    def identify(self) -> Conversation[Identity]:
        """Ask who is there, with requests that change nothing. CodecError or LinkTimeout: not this
        kind.
        """
        ...

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """What to poll on this unit. The first poll is the main one."""
        ...


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
