"""The demo's instruments that are asked: their twins, and the ports behind which they live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fieldstation.cli.orders import Orders
from fieldstation.cli.past import LIVE_STEP_S
from fieldstation.instruments import registry
from fieldstation.instruments.faults import FAULTS, FaultPlan, FaultyTwin
from fieldstation.model import Driver, I2cLine, SpiLine, Twin, configured
from fieldstation.protocol.usb_iss_twin import UsbIssTwin
from fieldstation.station.clock import SystemClock
from fieldstation.transport.host import pty_host

# What a person would call them, and what it takes to reach their twins over a pty.
NAMES = {
    "axpert": "inverter",
    "tristar_mppt": "charger",
    "emus_bms": "battery",
    "opc_n3": "air",
    "se521": "roof",
    "si7020": "climate",
    "veml7700": "daylight",
    "bh1745": "colour",
}
OPTIONS: Mapping[str, Mapping[str, str]] = {"se521": {"wire": "serial"}}
PROFILES = {"axpert": "vmiii_6048"}


@dataclass(frozen=True, slots=True)
class Player:
    """One instrument of the demo; `faults` are the orders for its twin."""

    name: str
    kind: str
    seed: int
    faults: tuple[str, ...]
    twin: Twin
    driver: Driver

    def twin_anew(self) -> Twin:
        """Another twin of the same unit, that has seen nothing yet."""
        return _twin(self.kind, self.seed, self.faults)


def cast(seed: int, faults: Orders) -> list[Player]:
    """A twin of every kind of instrument that answers questions. Faults of the line of one behind
    an adapter are the adapter's, see `ports`.
    """
    players = []
    for kind in registry.kinds():
        if registry.listened(kind) is None:
            driver = configured(registry.driver(kind), OPTIONS.get(kind, {}))
            behind = isinstance(driver.line, I2cLine | SpiLine)
            mine = tuple(one for one in faults.of(kind) if not (behind and _of_line(one)))
            name = NAMES.get(kind, kind.replace("_", "-"))
            players.append(Player(name, kind, seed, mine, _twin(kind, seed, mine), driver))
    return players


def _twin(kind: str, seed: int, faults: tuple[str, ...]) -> Twin:
    return registry.twin(kind, PROFILES.get(kind, ""), seed=seed, faults=faults)


def _of_line(order: str) -> bool:
    return FaultPlan([order]).names[0] in FAULTS


def wall() -> Callable[[], float]:
    """The wall clock for twins: UTC seconds since 1970."""
    clock = SystemClock()
    return lambda: clock.now().utc_us / 1e6


@asynccontextmanager
async def ports(players: list[Player], faults: Orders, seed: int) -> AsyncIterator[list[str]]:
    """Every twin behind a pty until the block ends; gives the addresses to use. Chips on I2C share
    one adapter, as they would share its wires, and the faults of their lines.
    """
    now = wall()

    def spoilt(adapter: UsbIssTwin, *kinds: str) -> Twin:
        orders = dict.fromkeys(one for kind in kinds for one in faults.of(kind) if _of_line(one))
        return FaultyTwin(adapter, FaultPlan(orders, seed), seed) if orders else adapter

    chips = {
        one.driver.line.address: one.twin for one in players if isinstance(one.driver.line, I2cLine)
    }
    async with AsyncExitStack() as stack:
        shared = [one.kind for one in players if isinstance(one.driver.line, I2cLine)]
        adapter = await stack.enter_async_context(
            pty_host(spoilt(UsbIssTwin(i2c=chips), *shared), now)
        )
        found = []
        for player in players:
            if isinstance(player.driver.line, I2cLine):
                found.append(f"usb-iss:{adapter}")
            elif isinstance(player.driver.line, SpiLine):
                twin = spoilt(UsbIssTwin(spi=player.twin), player.kind)
                found.append(f"usb-iss:{await stack.enter_async_context(pty_host(twin, now))}")
            else:
                found.append(await stack.enter_async_context(pty_host(player.twin, now)))
        yield found


def site(players: list[Player], ports: list[str], address: str) -> str:
    """The configuration of a station that polls the twins."""
    lines = [
        '[station]\nname = "demo"\ndata = "station"\n',
        f'[hub]\nurl = "{address}"\nkey_file = "gateway.key"\nupload_every_s = 1\n',
    ]
    for player, port in zip(players, ports, strict=True):
        options = OPTIONS.get(player.kind, {})
        lines.append(
            f'[instrument.{player.name}]\nkind = "{player.kind}"\nport = "{port}"\n'
            f"every_s = {LIVE_STEP_S}\n"
            + "".join(f'{name} = "{value}"\n' for name, value in options.items())
        )
    return "\n".join(lines) + "\n"
