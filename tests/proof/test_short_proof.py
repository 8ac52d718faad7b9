"""The laboratory in short: each part at a small extent, and proof that it can fail."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from benchmarks.figure import Figure
from proof.__main__ import PARTS, main
from proof.part import Part, zero
from proof.sheet import lines
from proof.witness import Told, examine
from proof.work import JOURNAL, Work

from fieldstation.testing.crashlab import Model
from proof import cuts, flips, kill, store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing"),
]

# Bounds on how much was tried; the rest are promises.
EXTENT = {"kills", "crash states"}


def kept(part: Part) -> bool:
    """Whether every promise held, with its failures in the message when not."""
    missed = [f.name for f in part.figures if f.verdict == "MISSED" and f.name not in EXTENT]
    assert missed == [], part.failures
    return True


@pytest.mark.parametrize("model", list(Model))
def test_no_power_cut_loses_what_the_journal_accepted(model: Model) -> None:
    tally = store.explore(store.Job(11, model, count=18, each=5))
    assert tally.states > 200
    assert (tally.lost, tally.wrong, tally.damaged, tally.unlike) == (0, 0, 0, 0), tally.notes


@pytest.mark.parametrize(
    ("start", "model"),
    [
        (store.Start.CUT, Model.ORDERED),
        (store.Start.DAMAGED, Model.POSIX),
        (store.Start.DAMAGED_CUT, Model.ORDERED),
        (store.Start.FORM_1, Model.ORDERED),
    ],
)
def test_no_power_cut_while_recovering_loses_anything(start: store.Start, model: Model) -> None:
    tally = store.explore(store.Job(12, model, 1, 4, start))
    assert tally.states > 40
    assert (tally.lost, tally.wrong, tally.damaged, tally.unlike) == (0, 0, 0, 0), tally.notes


def test_no_power_cut_loses_what_is_packed() -> None:
    tally = store.explore(store.Job(4, Model.POSIX, count=30, each=3))
    assert tally.packs > 0
    assert (tally.lost, tally.wrong, tally.damaged, tally.unlike) == (0, 0, 0, 0), tally.notes


def test_a_journal_that_syncs_less_is_caught() -> None:
    tally = store.explore(store.Job(11, Model.ORDERED, count=14, each=4, settings=("NORMAL",)))
    assert tally.lost > 20


def test_no_changed_byte_gives_a_wrong_value() -> None:
    assert kept(flips.prove(5, share=0.01))


def test_nothing_is_lost_or_doubled_by_kills_at_writing_calls() -> None:
    part = kill.prove(7, share=0.0125)
    assert kept(part)
    figures = {figure.name: figure.value for figure in part.figures}
    assert figures["different writing calls met"] > 3
    assert figures["accepted"] > 0


@pytest.mark.skipif(bool(cuts.missing()), reason="no file system can be mounted here")
def test_nothing_accepted_is_lost_by_real_power_cuts() -> None:
    assert kept(cuts.prove(9, share=0.03))


def test_the_witness_notices_a_lost_and_a_changed_reading(tmp_path: Path) -> None:
    said: list[str] = []
    work = Work(tmp_path, 7, lambda *words: said.append(json.dumps(words)))
    work.run(20)
    told = Told.of(said)
    assert examine(tmp_path, 7, told, thorough=False).good
    assert examine(tmp_path, 8, told, thorough=False).wrong
    told.kept += 1
    newest = told.kept
    assert newest in examine(tmp_path, 7, told, thorough=False).lost
    (tmp_path / JOURNAL).write_bytes(b"no journal" * 400)
    assert examine(tmp_path, 7, told, thorough=False).damaged


def test_a_zero_that_is_none_is_told_and_ends_with_an_error() -> None:
    part = Part((zero("accepted and lost", 2), Figure("kills", 7, "")), ("rain",), ("seed 1: x",))
    assert not part.good
    text = lines("kill", part, 3.0)
    assert "accepted and lost 2 MISSED, ≤ 0 is promised" in text
    assert "not tested: rain" in text
    assert "FAILED: seed 1: x" in text


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])
    said = capsys.readouterr().err
    assert [name for name in ("nonsense", *PARTS) if name not in said] == []
