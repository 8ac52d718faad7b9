"""A hub as a program sees it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from fieldstation.client.instrument import Instrument, instrument_from
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

    def instruments(self) -> list[Instrument]:
        """All instruments of the person's sites, by gateway and name."""
        rows = self._wire.ask("instruments")["instruments"]
        return [instrument_from(row, self._wire) for row in rows]

    def instrument(self, gateway: str, name: str) -> Instrument:
        """One instrument. Raises NotFound, which names the nearest."""
        path = f"instruments/{quote(gateway, safe='')}/{quote(name, safe='')}"
        return instrument_from(self._wire.ask(path), self._wire)
