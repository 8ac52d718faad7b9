"""How to talk to an Axpert: who is there, and what to poll.

1. Only queries are sent here, nothing that changes the unit. Settings (PI30 sheet, section 6) have
   their own way, with limits and read-back, and belong in a module of their own beside this one.
2. Identifying takes four questions in most cases, since a line of 2400 baud is slow and the first
   reading waits for it; the other queries are tried behind that reading
   (test_the_first_reading_waits_for_four_questions).
3. A refusal or an echo of a query is final for this connection: the query leaves the plan
   (test_refused_queries_are_not_polled).
4. A request whose checksum holds a NUL is asked once more in its other form
   (test_request_with_nul_falls_back_to_the_plain_form).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from fieldstation.errors import CodecError, InstrumentRefused, LinkTimeout
from fieldstation.instruments.axpert import channels
from fieldstation.instruments.axpert.frame import REPLY_END, encode_request, fallback_request
from fieldstation.instruments.axpert.kept import (
    BY_FORM,
    SOLAR_FIRST,
    USUAL,
    UTILITY_FIRST,
    Rules,
    kept,
)
from fieldstation.instruments.axpert.reply import KING, LV5048, MAX48, Reply, decode_reply
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

# Sections 2.1, 2.3 and 2.4.
TIMEOUT_S = 2.5
QUIET_S = 0.15
ATTEMPTS = 3
PROTOCOL = "PI30"
# The replies of a MAX of 48 V (section 5.3).
MAX48_TOKENS = 28

OPTIONS = (
    Option(
        "energy_totals_in",
        USUAL.energy_totals_in,
        "Unit in which the unit counts its two energy totals.",
        choices=("Wh", "kWh"),
    ),
    Option(
        "pv_current_side",
        USUAL.pv_current_side,
        "Where the PV current is measured; by_form: panels when it has a decimal point.",
        choices=(BY_FORM, "battery", "pv"),
    ),
    Option(
        "charger_source_0",
        USUAL.charger_source_0,
        "What code 0 of the charger source priority means; solar_first on some LV6548.",
        choices=(UTILITY_FIRST, SOLAR_FIRST),
    ),
)

NO_ANSWER = (InstrumentRefused, LinkTimeout, CodecError)


def exchange(
    command: str, request: bytes | None = None, attempts: int = ATTEMPTS, dialect: str = ""
) -> Exchange[Reply]:
    """One command and its reply, `request` in place of the usual frame."""
    return Exchange(
        request or encode_request(command),
        REPLY_END,
        lambda data: decode_reply(command, data, dialect),
        TIMEOUT_S,
        QUIET_S,
        attempts,
        command,
    )


def query(command: str, dialect: str = "") -> Conversation[Reply]:
    """The reply to `command`, in the other form of its checksum if the first is not understood."""
    fallback = fallback_request(command)
    try:
        return (yield from ask(exchange(command, dialect=dialect)))
    except (InstrumentRefused, LinkTimeout):
        if fallback is None:
            raise
    return (yield from ask(exchange(command, fallback, 1, dialect)))


def optional(command: str, dialect: str = "") -> Conversation[Reply | None]:
    """The reply to `command`, None when the unit does not give one."""
    try:
        reply = yield from query(command, dialect)
    except NO_ANSWER:
        return None
    return None if "ack" in reply.values else reply


def _values(rules: Rules, *commands: str, dialect: str = "") -> Conversation[dict[str, Value]]:
    """What is kept of the replies to all of `commands`."""
    values: dict[str, Value] = {}
    for command in commands:
        reply = yield from query(command, dialect)
        values |= kept(reply, rules)
    return values


def _counters() -> Conversation[list[str]]:
    """Counters that the unit has; without a clock only those that need no date."""
    clock = yield from optional("QT")
    known: list[str] = []
    for name in COUNTERS if clock is not None else COUNTERS[:2]:
        reply = yield from optional(name + _spell(name, clock))
        known += [] if reply is None else [name]
    return known


def _spell(name: str, clock: Reply | None) -> str:
    """The argument of a counter: nothing, `YYYY`, `YYYYMM` or `YYYYMMDD`."""
    day = "" if clock is None else clock.text.strip()[:8]
    return day[: {"T": 0, "Y": 4, "M": 6, "D": 8}[name[2]]]


COUNTERS = ("QET", "QLT", "QEY", "QEM", "QED", "QLY", "QLM", "QLD")
"""Energy counters (section 5.14); the first two need no date."""

Facts = Mapping[str, Value]
Read = Callable[[Facts, Rules], Conversation[dict[str, Value]]]


def _status(facts: Facts, rules: Rules) -> Conversation[dict[str, Value]]:
    return _values(rules, "QPIGS", "QMOD", dialect=str(facts.get("dialect", "")))


def _warnings(facts: Facts, rules: Rules) -> Conversation[dict[str, Value]]:
    return _values(rules, "QPIWS", dialect=str(facts.get("dialect", "")))


def _energy(facts: Facts, rules: Rules) -> Conversation[dict[str, Value]]:
    """Counters in all and of the year, month and day that the unit's clock is in."""
    names = str(facts.get("counters", COUNTERS[0])).split()
    dated = any(name not in COUNTERS[:2] for name in names)
    clock = (yield from query("QT")) if dated else None
    commands = [name + _spell(name, clock) for name in names]
    return (yield from _values(rules, *commands))


def _plain(command: str) -> Read:
    return lambda _facts, rules: _values(rules, command)


# Layout, its conversation, the query that tells whether a unit has it, and how seldom it is read
# at 10 s: warnings each minute, what only people change each hour.
_PLAN: tuple[tuple[Layout, Read, str, int], ...] = (
    (channels.STATUS, _status, "QPIGS", 1),
    (channels.TRACKERS, _plain("QPIGS2"), "QPIGS2", 1),
    (channels.WARNINGS, _warnings, "QPIWS", 6),
    (channels.CHARGER, _plain("Q1"), "Q1", 6),
    (channels.BMS, _plain("QBMS"), "QBMS", 6),
    (channels.ENERGY, _energy, "QET", 30),
    (channels.SWITCHES, _plain("QFLAG"), "QFLAG", 360),
    (channels.RATINGS, _plain("QPIRI"), "QPIRI", 360),
    (channels.EQUALIZATION, _plain("QBEQI"), "QBEQI", 360),
)
# The status gets its meaning from QPIGS2 (LV5048), which is asked at once therefore.
_LATER = tuple(probe for _layout, _converse, probe, _every in _PLAN if probe != "QPIGS2")


class AxpertDriver:
    """See `fieldstation.model.Driver` and `Tunable`."""

    kind = channels.KIND
    default_every_s = 10.0
    line = SerialLine(2400)
    # The HID bridge of the USB socket (PI30 sheet, section 2.2).
    usb_numbers = ((0x0665, 0x5161),)
    resync: Exchange[Any] | None = exchange("QPI", attempts=1)
    options: Sequence[Option] = OPTIONS

    def __init__(self, rules: Rules = USUAL) -> None:
        self._rules = rules

    def configured(self, values: Mapping[str, OptionValue]) -> Driver:
        """The driver with these options."""
        return AxpertDriver(Rules(**{name: str(values[name]) for name in asdict(USUAL)}))

    def identify(self) -> Conversation[Identity]:
        """Ask for protocol, serial number and model, and for what tells how to read the status.

        Raises CodecError `wrong_protocol` for a unit that speaks another dialect than PI30.
        """
        hello = yield from query("QPI")
        if hello.values["protocol_id"] != PROTOCOL:
            raise CodecError(
                "wrong_protocol", f"the unit speaks {hello.text!r}, this instrument is {PROTOCOL}"
            )
        facts: dict[str, Value] = {"protocol_id": PROTOCOL}
        facts |= yield from _first_of("QSID", "QID")
        facts |= yield from _first_of("QMN", "QGMN")
        facts |= _facts((yield from _probe("QPIGS2")))
        return Identity(self.kind, str(facts.get("serial_number", "")), _model(facts), facts)

    def explore(self, identity: Identity) -> Conversation[Identity]:
        """Ask for the firmware, and which of the other queries the unit answers."""
        facts = dict(identity.facts)
        facts |= yield from _first_of("QVFW")
        replies = yield from _probe(*_LATER)
        known = str(facts.get("queries", ""))
        facts |= _facts(replies)
        facts["queries"] = f"{known} {facts['queries']}".strip()
        if facts.get("rating_tokens") == MAX48_TOKENS:
            facts.setdefault("dialect", MAX48)
        if "QET" in replies:
            counters = yield from _counters()
            facts["counters"] = " ".join(counters)
        return replace(identity, facts=facts)

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """Polls for the queries that the unit answered; the status is always the first."""
        known = str(identity.facts.get("queries", "")).split()
        return [
            Poll(layout, partial(converse, identity.facts, self._rules), every)
            for layout, converse, probe, every in _PLAN
            if probe in known or probe == "QPIGS"
        ]


def _first_of(*commands: str) -> Conversation[dict[str, Value]]:
    """What the first of these queries tells that the unit answers; nothing when it answers none."""
    for command in commands:
        reply = yield from optional(command)
        if reply is not None:
            return {name: value for name, value in reply.values.items() if name != "serial_length"}
    return {}


def _probe(*commands: str) -> Conversation[dict[str, Reply]]:
    """Replies to queries, without those that the unit does not give."""
    replies: dict[str, Reply] = {}
    for command in commands:
        reply = yield from optional(command)
        if reply is not None:
            replies[command] = reply
    return replies


def _facts(replies: dict[str, Reply]) -> dict[str, Value]:
    """What the replies tell about the model (section 1 and section 8)."""
    facts: dict[str, Value] = {"queries": " ".join(replies)}
    for command, name in (("QPIGS", "status_tokens"), ("QPIRI", "rating_tokens")):
        if command in replies:
            facts[name] = len(replies[command].tokens)
    if "QPIRI" in replies:
        facts["battery_rating_voltage"] = replies["QPIRI"].values["battery_rating_voltage"]
    if "QPIGS2" in replies and "l2_grid_voltage" in replies["QPIGS2"].values:
        facts["dialect"] = LV5048
    return facts


def _model(facts: dict[str, Value]) -> str:
    """The unit's own name; a GK/MK ("King") also gets its dialect noted in `facts`."""
    name = str(facts.get("model_name", "") or facts.get("general_model", ""))
    if name.startswith("KING"):
        facts["dialect"] = KING
    return name


DRIVER: Driver = AxpertDriver()
