"""How an instrument is heard that publishes by itself: messages in, readings out.

A listener is a state machine. Whoever runs it owns the connection to the broker, tells it of each
message and when that came, and gives it back what it knew before a restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fieldstation.model.channel import Value
from fieldstation.model.layout import Layout
from fieldstation.model.option import Option, OptionValue
from fieldstation.model.reading import Instant, Trust
from fieldstation.model.talk import MqttLine


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message. `retained`: on its way to a broker it asks to be kept for those who
    subscribe later; from a broker it is such a kept one, of unknown age.
    """

    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A reading that a message brought.

    `name` is the node's own, lower case letters, digits, `_` and `-`, empty when the configured
    instrument is the only one. `utc_us` is the node's own time and `trust` how far that is to be
    believed; None: the moment of arrival. `regular` readings come at the instrument's interval,
    others as they like. `serial` is the unit's own number. `run` tells one unbroken count of the
    node from another: what is missing between two regular readings of a run the node measured, and
    lost itself. 0: the node does not count.
    """

    name: str
    layout: Layout
    values: Mapping[str, Value] = field(hash=False)
    utc_us: int | None = None
    trust: Trust = Trust.SYNCED
    regular: bool = False
    serial: str = ""
    run: int = 0


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that is no reading and no fault: `word` is what is counted (`duplicate`), `text`
    one sentence about this one.
    """

    word: str
    text: str


class Listener(Protocol):
    """The nodes behind one configured instrument, and what is known of them."""

    @property
    def topics(self) -> Sequence[str]:
        """Filters to subscribe to, in this order."""
        ...

    def hear(self, message: Message, now: Instant) -> Sequence[Heard | Remark]:
        """What a message that came `now` brings. Raises CodecError for one that is unusable; the
        listener goes on.
        """
        ...

    def recall(self, name: str, layout: str, values: Mapping[str, Value], utc_us: int) -> None:
        """Take note of a reading kept in an earlier run, older ones first."""
        ...


class Listened(Protocol):
    """What `instruments/<kind>/driver.py` offers as `LISTENED`, in place of a `DRIVER`, for an
    instrument that is heard and not asked. Pure.
    """

    kind: str
    """The folder's name, which is the word in the configuration."""
    default_every_s: float
    """How often its regular readings come, in seconds; 0: there are none."""
    line: MqttLine
    """Settings of its broker that suit the instrument."""

    @property
    def options(self) -> Sequence[Option]:
        """All options there are."""
        ...

    def configured(self, values: Mapping[str, OptionValue]) -> Listened:
        """With these options, which are all there are, checked one by one. Raises ConfigError when
        they make no sense together.
        """
        ...

    def listener(self) -> Listener:
        """A listener that knows nothing yet."""
        ...


class Speaker(Protocol):
    """The twin of a node that publishes. Pure: it is told the time and owns no clock."""

    speaks_every_s: float
    """How often it wants to be asked."""

    def speak(self, utc_s: float) -> Sequence[Message]:
        """What it publishes at this time, seconds since 1970, that it did not publish before."""
        ...
