"""What went wrong in the demo's past: readings withheld, and holes that count them."""

from __future__ import annotations

from fieldstation.batch.facts import Cause
from fieldstation.cli import stage
from fieldstation.cli.orders import Orders
from fieldstation.cli.outages import HOUR_S, OUTAGES, Interrupted, holes
from fieldstation.cli.past import Asked, Span, batches, boot_of

NOW = 1_780_000_000
SINCE = NOW - 84 * HOUR_S


def played(kind: str, last: int) -> tuple[int, Interrupted]:
    """How many readings one instrument told from 84 hours ago on, and its script."""
    (player,) = [one for one in stage.cast(1, Orders()) if one.kind == kind]
    past = Span(SINCE, last, NOW)
    boot = boot_of(past, kind)
    script = Interrupted(Asked(player.name, player.twin, player.driver, past, boot), NOW)
    told = [batch for batch in batches([script], past, boot) if batch is not None]
    return sum(len(batch.readings) for batch in told), script


def test_an_outage_withholds_what_its_holes_count() -> None:
    past = Span(SINCE, NOW - 70 * HOUR_S, NOW)
    told, script = played("si7020", past.last)
    (hole,) = holes([script])
    assert hole.cause == Cause.STOPPED
    assert told + hole.count == len(list(past.moments()))
    assert hole.first_utc_us >= (NOW - 77 * HOUR_S) * 1_000_000
    assert hole.last_utc_us < (NOW - 74 * HOUR_S) * 1_000_000


def test_an_outage_of_one_instrument_leaves_the_others() -> None:
    _, roof = played("se521", NOW)
    _, climate = played("si7020", NOW)
    assert {hole.cause for hole in holes([roof])} == {Cause.STOPPED, Cause.UNPLUGGED}
    assert {hole.cause for hole in holes([climate])} == {Cause.STOPPED}


def test_every_outage_names_an_instrument_of_the_demo() -> None:
    names = {player.name for player in stage.cast(1, Orders())}
    assert {one.instrument for one in OUTAGES} - {""} <= names
    numbers = [hole.number for hole in holes([played("se521", NOW)[1]])]
    assert numbers == [1, 2]
