"""Faults ordered for the whole demo: which of its twins show them, and what can be ordered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand

# `esp_node.` of `esp_node.restart:0.01`; the point of a chance has a digit behind it.
_KIND = re.compile(r"(?P<kind>[a-z0-9_]+)\.(?=[a-z_])")


class Orders:
    """Orders by kind: `NAME`, `NAME:0.1` or `NAME*3` goes to every twin that knows the fault,
    with `KIND.` in front to that kind alone. Raises NotFound for an unknown kind or fault,
    BadRequest for an order that cannot be read.
    """

    def __init__(self, orders: Iterable[str] = ()) -> None:
        self._of: dict[str, tuple[str, ...]] = {}
        for order in orders:
            found = _KIND.match(order)
            plain = order[found.end() :] if found else order
            for kind in _kinds(plain, found["kind"] if found else ""):
                self._of[kind] = (*self.of(kind), plain)

    def of(self, kind: str) -> tuple[str, ...]:
        """The orders for the twin of one kind."""
        return self._of.get(kind, ())


def _kinds(order: str, kind: str) -> list[str]:
    """The kinds that an order is for: the one that it names, else all that know its fault."""
    from fieldstation.instruments import registry
    from fieldstation.instruments.faults import FaultPlan

    plan = FaultPlan([order])
    known = {one: _known(one) for one in ([kind] if kind else registry.kinds())}
    plan.require({name for names in known.values() for name in names})
    return [one for one, names in known.items() if plan.names[0] in names]


def _known(kind: str) -> tuple[str, ...]:
    """The faults that the demo can show of a kind: its twin's, and those of its plug."""
    from fieldstation.instruments import registry
    from fieldstation.instruments.faults import PLUGS

    plugs = PLUGS if registry.listened(kind) is None else ()
    return (*registry.known_faults(kind), *plugs)


def listing() -> str:
    """All faults there are: those that every line can have, then each kind's own."""
    from fieldstation.instruments import registry
    from fieldstation.instruments.faults import FAULTS, PLUGS, SPOKEN

    lines = [
        f"every line: {', '.join(FAULTS)}",
        f"every plug: {', '.join(PLUGS)}",
        f"every node: {', '.join(SPOKEN)}",
    ]
    for kind in registry.kinds():
        own = [
            name
            for name in registry.known_faults(kind)
            if name not in FAULTS.keys() | SPOKEN.keys()
        ]
        lines.append(f"{kind}: {', '.join(own) or 'none of its own'}")
    return "\n\n".join(["Faults:", *lines])


class WithFaults(TyperCommand):
    """A command whose help ends with the list of faults, which is made when someone asks."""

    # The types are those of whichever click this typer carries.
    def format_help(self, ctx: Any, formatter: Any) -> None:
        """See click."""
        self.epilog = listing()
        super().format_help(ctx, formatter)
