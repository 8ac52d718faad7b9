"""A hub as a program sees it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fieldstation.client.account import Account, Operator
from fieldstation.client.gateways import Gateway, Pin, gateway_from
from fieldstation.client.instrument import Instrument, instrument_from
from fieldstation.client.kept import Plots
from fieldstation.client.rows import of, place
from fieldstation.client.sensors import Sensor, sensor_from
from fieldstation.client.sites import Site, site_from
from fieldstation.client.token import find_token
from fieldstation.client.wire import Wire


class Hub:
    """One hub, asked as the person whose token it is.

    `url` is the hub's address; `token_file` holds a personal token, see `find_token` for where it
    is looked for otherwise. `timeout_s` is how long one answer may take; `tries` how often a
    question is asked when the hub is away or busy. Raises ConfigError.
    """

    def __init__(
        self,
        url: str,
        *,
        token_file: str | Path | None = None,
        timeout_s: float = 30.0,
        tries: int = 4,
        **wiring: Any,
    ) -> None:
        token = find_token(token_file)
        self._wire = Wire(url, token, timeout_s=timeout_s, tries=tries, **wiring)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    def me(self) -> dict[str, Any]:
        """Who asks: `name`, `operator`, `scope` of the token, and `sites`."""
        return self._wire.ask("me")

    @property
    def account(self) -> Account:
        """The own account; takes a token of scope manage."""
        return Account(self._wire)

    @property
    def operator(self) -> Operator:
        """The hub as a whole, for its operator."""
        return Operator(self._wire)

    @property
    def plots(self) -> Plots:
        """Pictures, saved plots, dashboards, share links and notes."""
        return Plots(self._wire)

    def sites(self) -> list[Site]:
        """The person's sites, by name."""
        return [site_from(row, self._wire) for row in self._wire.rows("sites", "sites")]

    def site(self, site: str) -> Site:
        """The site with this name in addresses. Raises NotFound."""
        return site_from(self._wire.ask(place("sites", site)), self._wire)

    def add_site(self, name: str, time_zone: str = "UTC") -> Site:
        """A new site, which the person owns. Takes a token of scope write."""
        body = {"name": name, "time_zone": time_zone}
        return site_from(self._wire.change("POST", "sites", body)[0], self._wire)

    def gateways(self) -> list[Gateway]:
        """The gateways of the person's sites, by name."""
        rows = self._wire.rows("gateways", "gateways")
        return [gateway_from(row, self._wire) for row in rows]

    def gateway(self, gateway: str) -> Gateway:
        """The gateway with this name in addresses. Raises NotFound, which names the nearest."""
        return gateway_from(self._wire.ask(place("gateways", gateway)), self._wire)

    def add_gateway(self, name: str, site: str = "") -> Pin:
        """A new gateway; the PIN with which its station registers. Takes a token of scope write."""
        return of(Pin, self._wire.change("POST", "gateways", {"name": name, "site": site})[0])

    def sensors(self, *, deleted: bool = False) -> list[Sensor]:
        """The sensors of the person's sites, by name; with `deleted` those that were deleted."""
        rows = self._wire.rows("sensors", "sensors", deleted=deleted or None)
        return [sensor_from(row, self._wire) for row in rows]

    def sensor(self, number: int) -> Sensor:
        """The sensor with this number. Raises NotFound."""
        return sensor_from(self._wire.ask(place("sensors", number)), self._wire)

    def add_sensor(
        self,
        name: str,
        *,
        site: str = "",
        type: str = "",
        protocol: str = "",
        description: str = "",
        units: Mapping[str, str] | None = None,
    ) -> Sensor:
        """A new sensor with its `token`, told this once. Takes a token of scope write."""
        body = {
            "name": name, "site": site, "type": type, "protocol": protocol,
            "description": description, "units": dict(units or {}),
        }  # fmt: skip
        return sensor_from(self._wire.change("POST", "sensors", body)[0], self._wire)

    def instruments(self) -> list[Instrument]:
        """All instruments of the person's sites, by gateway and name."""
        rows = self._wire.rows("instruments", "instruments")
        return [instrument_from(row, self._wire) for row in rows]

    def instrument(self, gateway: str, name: str) -> Instrument:
        """One instrument. Raises NotFound, which names the nearest."""
        return instrument_from(self._wire.ask(place("instruments", gateway, name)), self._wire)
