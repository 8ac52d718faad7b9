"""One task for each instrument; what happens in one stays there.

1. Whatever an instrument's task raises ends that visit only: it is logged, counted and tried again
   after a while. This is the one place that catches every exception.
   `test_a_crash_of_one_instrument_leaves_the_others_alone`
2. Instruments on one bus take turns: a lock for each bus, and phases that spread their grids.
3. Waits between visits double from 1 to 60 s, until a reading is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence

from fieldstation.errors import FieldstationError
from fieldstation.instruments import registry
from fieldstation.model import Driver
from fieldstation.model.talk import configured
from fieldstation.sinks.backoff import Backoff
from fieldstation.station.clock import Clock
from fieldstation.station.collector import Collector
from fieldstation.station.config import InstrumentSettings
from fieldstation.station.instrument import Instrument
from fieldstation.station.places import bus_of
from fieldstation.station.schedule import phases

log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0

FindDriver = Callable[[str], Driver]


def instruments(
    settings: Sequence[InstrumentSettings],
    clock: Clock,
    collector: Collector,
    find: FindDriver = registry.driver,
) -> list[Instrument]:
    """The instruments of a configuration, ready to run."""
    by_bus: dict[str, list[InstrumentSettings]] = defaultdict(list)
    for one in settings:
        by_bus[bus_of(one.port)].append(one)
    made = []
    for together in by_bus.values():
        bus = asyncio.Lock()
        spread = phases([round(one.every_s * 1e6) for one in together])
        for one, phase_us in zip(together, spread, strict=True):
            driver = configured(find(one.kind), one.options)
            made.append(Instrument(one, driver, clock, collector, bus=bus, phase_us=phase_us))
    return made


async def supervise(instrument: Instrument, backoff: Backoff | None = None) -> None:
    """Keep an instrument running until cancelled."""
    backoff = backoff or Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
    try:
        while True:
            try:
                await instrument.visit(backoff)
            except FieldstationError as error:
                await _after(instrument, error)
            except Exception as error:
                if str(error) != instrument.state.error:  # the same defect is shown once
                    log.exception(
                        "instrument task failed", extra={"instrument": instrument.settings.name}
                    )
                await _after(instrument, error)
            await asyncio.sleep(backoff.next_s())
    finally:
        await instrument.leave()


async def _after(instrument: Instrument, error: Exception) -> None:
    instrument.lost(error)
    await instrument.recover(error)
