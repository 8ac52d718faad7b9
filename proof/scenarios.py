"""Seeded whole-system scenarios: half of them with the real hub, half with one that keeps sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.figure import Figure

from proof.part import WORKERS, Part, Progress, zero
from proof.scenario.run import Outcome, many, named_share, violations

SEEDS = 100  # of each half
LEAST_NAMED = 95.0

UNTESTED = (
    "two machines that use one key at the same time for long (the hub's own tests have it)",
    "power cuts in the middle of a write (the crash-state explorer has them)",
    "loss of the same reading from the station's disk and from the hub by a restored backup: no"
    " promise covers it",
)


def prove(seed: int, share: float = 1.0) -> Part:
    """Run the scenarios, judge them, and add up."""
    count = max(1, round(SEEDS * share))
    progress = Progress("scenarios", 2 * count)
    outcomes: list[Outcome] = []
    for real_hub in (False, True):
        seeds = range(seed, seed + count)
        outcomes += many(seeds, real_hub=real_hub, workers=WORKERS, told=lambda _: progress.step())
    wrong = tuple(violations(outcomes))
    return Part(_figures(outcomes, len(wrong)), UNTESTED, wrong)


def _figures(outcomes: Sequence[Outcome], wrong: int) -> tuple[Figure, ...]:
    shares = named_share(outcomes)
    named, costly = (sum(pair[place] for pair in shares.values()) for place in (0, 1))
    events: Counter[str] = Counter()
    harm: Counter[str] = Counter()
    for outcome in outcomes:
        events.update(outcome.events)
        harm.update(outcome.exchanges)
    by_kind = ", ".join(f"{word} {a}/{b}" for word, (a, b) in shares.items())
    virtual_days = sum(one.virtual_s for one in outcomes) / 86_400
    minutes = sum(one.real_s for one in outcomes) / 60
    hubs = sum(one.real_hub for one in outcomes)
    return (
        Figure("scenarios", len(outcomes), "", note=f"{hubs} with the real hub"),
        zero("violations", wrong, "of the checker's rules, see proof/scenario/checker.py"),
        Figure("readings accepted", sum(one.judgement.accepted for one in outcomes), ""),
        Figure("events", events.total(), "", note=_list(events)),
        Figure("exchanges spoilt on the way", harm.total(), "", note=_list(harm)),
        Figure(
            "faults named by their holes", 100 * named / max(1, costly), "%", least=LEAST_NAMED,
            note=by_kind,
        ),
        Figure("virtual days per minute", virtual_days / max(minutes, 1e-9), ""),
    )  # fmt: skip


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{word.replace('_', ' ')} {count}" for word, count in counts.most_common())
