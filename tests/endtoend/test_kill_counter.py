"""A particle counter whose station is killed: fan and laser do not stay on for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.endtoend.test_kill import program, until

from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.opc_n3.simulator import OpcN3Twin, twin
from fieldstation.model import Outgoing
from fieldstation.protocol.usb_iss_twin import UsbIssTwin
from fieldstation.transport.host import pty_host

pytestmark = pytest.mark.slow

SITE = """
[station]
name = "kill"
data = "station"
[instrument.dust]
kind = "opc_n3"
port = "usb-iss:{port}"
every_s = 1
"""


class Counter:
    """A counter behind its adapter, with a clock that can be set on."""

    def __init__(self) -> None:
        self.unit: OpcN3Twin = twin("", 1, FaultPlan())
        self.ahead_s = 0.0

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        return self.unit.receive(data, utc_s + self.ahead_s)

    def lit(self, fan: int, laser: int) -> bool:
        """Whether fan and laser are as said."""
        return (self.unit.power["fan_on"], self.unit.power["laser_switch"]) == (fan, laser)


async def test_a_counter_left_on_by_a_kill_is_switched_off_at_the_next_start(
    tmp_path: Path,
) -> None:
    counter = Counter()
    async with pty_host(UsbIssTwin(spi=counter), time.time) as port:
        (tmp_path / "site.toml").write_text(SITE.format(port=port))
        with program("run", "--config", str(tmp_path / "site.toml")) as station:
            await until(lambda: counter.lit(1, 1))
            station.kill()
            counter.ahead_s = 600.0
            assert counter.lit(1, 1)
            station.start()
            await until(lambda: counter.lit(0, 0))
            await until(lambda: counter.lit(1, 1))
            assert await asyncio.to_thread(station.end) == 0
        assert counter.lit(0, 0)
