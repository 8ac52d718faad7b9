"""One task for each instrument; what happens in one stays there.

1. Whatever an instrument's task raises ends that visit only: it is logged, counted and tried again
   after a while. This is the one place that catches every exception.
   `test_a_crash_of_one_instrument_leaves_the_others_alone`
2. Instruments on one bus take turns (port), and phases spread their grids. Where every transaction
   is a turn of its own already (I2C, SPI), nobody waits for a whole conversation of another.
   `test_a_slow_chip_never_keeps_its_neighbours_waiting`
3. Waits between visits double from 1 to 60 s, until a reading is there. A port that is not there is
   looked for every LOOK_S at least, which costs nothing; never in step with another, as two that
   stand in each other's way would do so for ever.
   `test_an_instrument_is_back_soon_after_a_long_time_unplugged`,
   `test_a_unit_is_followed_through_a_hundred_permutations_of_ports`
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fieldstation.errors import ConfigError, FieldstationError, LinkNotFound
from fieldstation.instruments import registry
from fieldstation.model import Driver, I2cLine, MqttLine, SpiLine, chosen
from fieldstation.model.talk import configured, paced
from fieldstation.sinks.backoff import Backoff
from fieldstation.station.clock import Clock
from fieldstation.station.collector import Collector
from fieldstation.station.config import InstrumentSettings
from fieldstation.station.instrument import Instrument
from fieldstation.station.places import bus_of, seat_of
from fieldstation.station.port import Bus, Port, rest_s
from fieldstation.station.schedule import phases

if TYPE_CHECKING:
    from fieldstation.station.listening import Listening

log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
LOOK_S = 3.0

FindDriver = Callable[[str], Driver]


def instruments(
    settings: Sequence[InstrumentSettings],
    clock: Clock,
    collector: Collector,
    find: FindDriver = registry.driver,
) -> list[Instrument | Listening]:
    """The instruments of a configuration, ready to run."""
    heard = [one for one in settings if isinstance(one.line, MqttLine)]
    asked = [one for one in settings if not isinstance(one.line, MqttLine)]
    return [*_asked(asked, clock, collector, find), *_heard(heard, clock, collector)]


def _heard(
    settings: Sequence[InstrumentSettings], clock: Clock, collector: Collector
) -> list[Listening]:
    if not settings:
        return []
    try:
        from fieldstation.station.listening import Listening
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{settings[0].name} is heard through a broker, which needs {error.name}; type:"
            " pip install 'fieldstation[mqtt]'"
        ) from error
    made = []
    for one in settings:
        listened = registry.listened(one.kind)
        assert listened is not None
        options = chosen(listened.options, one.options)
        made.append(Listening(one, listened.configured(options), clock, collector))
    return made


def _asked(
    settings: Sequence[InstrumentSettings], clock: Clock, collector: Collector, find: FindDriver
) -> list[Instrument]:
    by_bus: dict[str, list[InstrumentSettings]] = defaultdict(list)
    for one in settings:
        by_bus[bus_of(one.port, one.serial_number)].append(one)
    made = []
    for together in by_bus.values():
        ports = _ports(together)
        spread = phases([round(one.every_s * 1e6) for one in together])
        for one, phase_us in zip(together, spread, strict=True):
            driver = paced(configured(find(one.kind), one.options), one.every_s)
            port = ports[one.name]
            made.append(Instrument(one, driver, clock, collector, port=port, phase_us=phase_us))
    return made


def _ports(together: Sequence[InstrumentSettings]) -> dict[str, Port]:
    """The ports of one bus by instrument; units of one line share theirs."""
    seats = {one.name: seat_of(one.port, one.line, one.serial_number) for one in together}
    users = Counter(seats.values())
    bus = Bus(max((rest_s(one.line) for one in together if users[seats[one.name]] > 1), default=0))
    ports = {}
    for one in together:
        seat = seats[one.name]
        turns = Bus() if isinstance(one.line, I2cLine | SpiLine) else bus
        followed = bool(one.serial_number) and users[seat] == 1
        ports[seat] = Port(turns, one.port, one.line, users=users[seat], followed=followed)
    return {name: ports[seat] for name, seat in seats.items()}


async def supervise(instrument: Instrument | Listening, backoff: Backoff | None = None) -> None:
    """Keep an instrument running until cancelled."""
    backoff = backoff or Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
    try:
        while True:
            longest_s = LONGEST_WAIT_S
            try:
                await instrument.visit(backoff)
            except LinkNotFound as error:
                await _after(instrument, error)
                longest_s = LOOK_S
            except FieldstationError as error:
                await _after(instrument, error)
            except Exception as error:
                if str(error) != instrument.state.error:  # the same defect is shown once
                    log.exception(
                        "instrument task failed", extra={"instrument": instrument.settings.name}
                    )
                await _after(instrument, error)
            await asyncio.sleep(backoff.next_s(longest_s))
    finally:
        await instrument.leave()


async def _after(instrument: Instrument | Listening, error: Exception) -> None:
    instrument.lost(error)
    await instrument.recover(error)
