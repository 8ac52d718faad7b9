"""Finds instruments by name: folders of this package, and third parties by entry point.

1. A new instrument is a new folder with a `driver` module; no list is kept anywhere.
2. Nothing of an instrument is imported before its name is asked for.
3. A folder has `driver.DRIVER`, `channels.LAYOUTS`, `codec.decode_vector(entry)` and
   `simulator.twin(profile, seed, plan, fast=...)` with the tables `simulator.FAULTS` (its own
   faults) and `simulator.PROFILES`; `fieldstation.testing.conformance` says what else is demanded.
   The folder's `TITLE` is what a person calls the instrument.
4. An instrument that is heard and not asked has `driver.LISTENED` in place of `DRIVER`, and its
   twin is a Speaker.
"""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, cast

from fieldstation import instruments
from fieldstation.errors import CodecError, InstrumentRefused, NotFound
from fieldstation.instruments.faults import (
    FAULTS,
    SPOKEN,
    FaultPlan,
    FaultySpeaker,
    FaultyTwin,
)
from fieldstation.model import Driver, Layout, Listened, Option, Speaker, Twin

GROUP = "fieldstation.instruments"


@cache
def _packages() -> dict[str, str]:
    """Package of each kind; a folder of the program wins over an entry point of the same name."""
    found = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    for module in pkgutil.iter_modules(instruments.__path__):
        if module.ispkg:
            found[module.name] = f"{instruments.__name__}.{module.name}"
    return found


def kinds() -> tuple[str, ...]:
    """Names of all instruments there are, sorted."""
    return tuple(sorted(_packages()))


def package(kind: str) -> str:
    """The import name of an instrument's folder. Raises NotFound, naming the nearest kind."""
    try:
        return _packages()[kind]
    except KeyError:
        near = difflib.get_close_matches(kind, kinds(), 1, 0) or ["none"]
        raise NotFound(
            f"no instrument is called {kind!r}; the nearest name is {near[0]!r}, "
            f"all are: {', '.join(kinds())}"
        ) from None


def module(kind: str, name: str) -> ModuleType:
    """One module of an instrument's folder. Raises NotFound for an unknown kind."""
    return import_module(f"{package(kind)}.{name}")


def title(kind: str) -> str:
    """What a person calls an instrument. For a kind that is not installed here, or has no title:
    the kind itself with spaces.
    """
    plain = kind.replace("_", " ").capitalize()
    if kind not in _packages():
        return plain
    return str(getattr(import_module(package(kind)), "TITLE", plain))


def driver(kind: str) -> Driver:
    """How to talk to an instrument. Raises NotFound, also for one that is only heard."""
    if listened(kind) is not None:
        raise NotFound(
            f"{kind} cannot be asked, it is heard through a broker; run a station that has it"
        )
    return cast(Driver, module(kind, "driver").DRIVER)


def listened(kind: str) -> Listened | None:
    """How to hear an instrument; None for one that is asked. Raises NotFound."""
    return cast(Listened | None, getattr(module(kind, "driver"), "LISTENED", None))


def options(kind: str) -> tuple[Option, ...]:
    """What an operator may set of an instrument. Raises NotFound."""
    return tuple(getattr(listened(kind) or driver(kind), "options", ()))


def layouts(kind: str) -> tuple[Layout, ...]:
    """All channel tables an instrument can have; a unit may offer fewer. Raises NotFound."""
    return cast(tuple[Layout, ...], module(kind, "channels").LAYOUTS)


def twin(
    kind: str, profile: str = "", seed: int = 0, faults: Sequence[str] = (), *, fast: bool = False
) -> Twin:
    """A simulated unit. An empty `profile` takes the usual model; `fast` leaves out latency and
    line speed. `faults` are orders as `faults.FaultPlan` reads them, the line's or the
    instrument's own. Raises NotFound for an unknown name, BadRequest for an unreadable order.
    """
    if listened(kind) is not None:
        raise NotFound(f"the twin of {kind} has no line, it publishes; it needs a broker")
    simulator = module(kind, "simulator")
    plan = FaultPlan(faults, seed)
    plan.require(known_faults(kind))
    unit: Twin = simulator.twin(profile, seed, plan, fast=fast)
    if FAULTS.keys().isdisjoint(plan.names):
        return unit
    return FaultyTwin(unit, plan, seed)


def speaker(kind: str, profile: str = "", seed: int = 0, faults: Sequence[str] = ()) -> Speaker:
    """The twin of a unit that is heard. Arguments and errors as of `twin`."""
    if listened(kind) is None:
        raise NotFound(f"{kind} speaks only when it is asked; its twin is served on a port")
    plan = FaultPlan(faults, seed)
    plan.require(known_faults(kind))
    simulator = module(kind, "simulator")
    unit: Speaker = simulator.twin(profile, seed, plan)
    if SPOKEN.keys().isdisjoint(plan.names):
        return unit
    return FaultySpeaker(unit, plan, seed, simulator.FAULTS)


def profiles(kind: str) -> tuple[str, ...]:
    """Names of the models that the twin of a kind can be. Raises NotFound."""
    return tuple(module(kind, "simulator").PROFILES)


def known_faults(kind: str) -> tuple[str, ...]:
    """Names of the faults that can be ordered of a twin. Raises NotFound."""
    of_any = FAULTS if listened(kind) is None else SPOKEN
    return tuple(dict.fromkeys((*of_any, *module(kind, "simulator").FAULTS)))


def decode_frame(kind: str, data: bytes, command: str = "") -> dict[str, Any]:
    """What is in one frame that an instrument sent; `command` is the frame's name or the request
    it answers, for kinds whose frames do not tell. Raises NotFound for an unknown kind, CodecError
    and InstrumentRefused.
    """
    return cast(dict[str, Any], module(kind, "codec").decode_frame(command, data))


def frame_of_text(kind: str, text: str) -> bytes:
    """The frame that a person copied as text: the characters themselves, unless the instrument
    knows better what a copy loses. Raises NotFound.
    """
    maker = getattr(module(kind, "codec"), "frame_of_text", None)
    return cast(bytes, maker(text)) if maker else text.encode("latin-1", "replace")


def decode_entry(kind: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the codec makes of one vector: `{"decoded": {...}}`, or `{"error": kind, "message":
    sentence}`. Raises NotFound for an unknown kind, nothing else.
    """
    codec = module(kind, "codec")
    try:
        return {"decoded": codec.decode_vector(entry)}
    except CodecError as error:
        return {"error": error.kind, "message": str(error)}
    except InstrumentRefused as error:
        return {"error": error.code, "message": str(error)}
