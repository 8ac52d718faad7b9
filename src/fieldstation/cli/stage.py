"""The demo's instruments that are asked: their twins, and the ports behind which they live."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fieldstation.cli.orders import Orders
from fieldstation.cli.past import live_step_s
from fieldstation.cli.plugs import Outlet, pull
from fieldstation.instruments import registry
from fieldstation.instruments.chance import between
from fieldstation.instruments.faults import FAULTS, PLUGS, FaultPlan, FaultyTwin
from fieldstation.model import Driver, I2cLine, SpiLine, Twin, acquainted, configured, paced
from fieldstation.protocol.usb_iss_twin import UsbIssTwin
from fieldstation.station.clock import SystemClock
from fieldstation.transport.play import FAILURES, answers, play
from fieldstation.transport.plug import PtyPort

# What a person would call them; another instrument is called after its kind.
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
PROFILES = {"axpert": "vmiii_6048"}
# What stands on the adapter that the chips on I2C share.
ADAPTER = "chips"
# Who a unit is does not depend on the time at which it is asked.
ANY_TIME_S = 1_779_969_600.0


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

    def stranger(self) -> Twin | None:
        """A twin of a unit of the same kind that says that it is another one; None if all are
        called alike.
        """
        own = self._serial(self.twin_anew())
        for profile in registry.profiles(self.kind):
            other = registry.twin(self.kind, profile, seed=self.seed)
            if own and self._serial(other) != own:
                return other
        return None

    def _serial(self, twin: Twin) -> str:
        try:
            return play(acquainted(self.driver), answers(twin, lambda: ANY_TIME_S)).serial
        except FAILURES:
            return ""


def cast(seed: int, faults: Orders) -> list[Player]:
    """A twin of every kind of instrument that answers questions. Faults of the line of one behind
    an adapter are the adapter's, those of its plug the port's, see `ports`.
    """
    players = []
    for kind in registry.kinds():
        if registry.listened(kind) is None:
            driver = paced(configured(registry.driver(kind), _options(kind)), live_step_s(kind))
            behind = isinstance(driver.line, I2cLine | SpiLine)
            elsewhere = FAULTS.keys() | PLUGS if behind else PLUGS.keys()
            mine = tuple(one for one in faults.of(kind) if not _is_in(elsewhere, one))
            name = NAMES.get(kind, kind.replace("_", "-"))
            players.append(Player(name, kind, seed, mine, _twin(kind, seed, mine), driver))
    return players


def _options(kind: str) -> Mapping[str, str]:
    """The configuration that reaches a twin over a pty, where the usual one does not."""
    return getattr(registry.module(kind, "simulator"), "OPTIONS", {})


def _twin(kind: str, seed: int, faults: tuple[str, ...]) -> Twin:
    return registry.twin(kind, PROFILES.get(kind, ""), seed=seed, faults=faults)


def _is_in(names: Collection[str], order: str) -> bool:
    return FaultPlan([order]).names[0] in names


def wall() -> Callable[[], float]:
    """The wall clock for twins: UTC seconds since 1970."""
    clock = SystemClock()
    return lambda: clock.now().utc_us / 1e6


@asynccontextmanager
async def ports(
    players: Sequence[Player], faults: Orders, seed: int, dev: Path
) -> AsyncIterator[list[str]]:
    """Every twin behind a pty until the block ends, with names below the folder `dev`; gives the
    addresses to use. Chips on I2C share one adapter, as they would share its wires, and the faults
    of their lines.
    """
    chips = [one for one in players if isinstance(one.driver.line, I2cLine)]
    alone = [one for one in players if one not in chips]
    outlets = [_shared(chips, faults, seed)] if chips else []
    outlets += [outlet_of(one, faults, seed) for one in alone]
    now, numbers = wall(), itertools.count(len(outlets))
    async with AsyncExitStack() as stack:
        addresses = {}
        for number, outlet in enumerate(outlets):
            port = PtyPort(outlet.twin, dev, outlet.name, now)
            await port.plug(number)
            stack.push_async_callback(port.unplug)
            task = asyncio.create_task(pull(port, outlet, numbers))
            stack.push_async_callback(_end, task)
            addresses[outlet.name] = f"{outlet.prefix}{port.by_id}"
        yield [addresses[ADAPTER if one in chips else one.name] for one in players]


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def outlet_of(player: Player, faults: Orders, seed: int) -> Outlet:
    """The port of a unit that has one to itself."""
    plan = _plan(faults, seed, PLUGS, player.kind)
    if not isinstance(player.driver.line, SpiLine):
        return Outlet(player.name, "", player.twin, player.stranger, plan)

    def stranger() -> Twin | None:
        unit = player.stranger()
        return unit and UsbIssTwin(spi=unit)

    adapter = _spoilt(UsbIssTwin(spi=player.twin), faults, seed, player.kind)
    return Outlet(player.name, "usb-iss:", adapter, stranger, plan)


def _shared(chips: Sequence[Player], faults: Orders, seed: int) -> Outlet:
    """The port of the adapter in front of these."""
    kinds = [one.kind for one in chips]

    def adapter(twins: Iterable[Twin]) -> UsbIssTwin:
        pairs = zip((one.driver.line for one in chips), twins, strict=True)
        return UsbIssTwin(i2c={line.address: t for line, t in pairs if isinstance(line, I2cLine)})

    def stranger() -> Twin | None:
        others = [one.stranger() for one in chips]
        if not any(others):
            return None
        return adapter(other or one.twin_anew() for one, other in zip(chips, others, strict=True))

    own = _spoilt(adapter(one.twin for one in chips), faults, seed, *kinds)
    return Outlet(ADAPTER, "usb-iss:", own, stranger, _plan(faults, seed, PLUGS, *kinds))


def _spoilt(adapter: UsbIssTwin, faults: Orders, seed: int, *kinds: str) -> Twin:
    plan = _plan(faults, seed, FAULTS, *kinds)
    return FaultyTwin(adapter, plan, seed) if plan.names else adapter


def _plan(faults: Orders, seed: int, names: Collection[str], *kinds: str) -> FaultPlan:
    """What of `names` is ordered for any of these kinds, at moments of their own."""
    orders = dict.fromkeys(one for kind in kinds for one in faults.of(kind) if _is_in(names, one))
    return FaultPlan(orders, int(between(0, 2**32, seed, *kinds)))


def site(players: list[Player], ports: list[str], address: str) -> str:
    """The configuration of a station that polls the twins."""
    lines = [
        '[station]\nname = "demo"\ndata = "station"\n',
        f'[hub]\nurl = "{address}"\nkey_file = "gateway.key"\nupload_every_s = 1\n',
    ]
    for player, port in zip(players, ports, strict=True):
        lines.append(
            f'[instrument.{player.name}]\nkind = "{player.kind}"\nport = "{port}"\n'
            f"every_s = {live_step_s(player.kind)}\n"
            + "".join(f'{name} = "{value}"\n' for name, value in _options(player.kind).items())
        )
    return "\n".join(lines) + "\n"
