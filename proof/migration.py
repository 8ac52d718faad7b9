"""A journal of form 1 brought to form 2, cut anywhere: the next start finds all of it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from fieldstation.errors import StoreError
from fieldstation.journal import Journal, open_journal
from fieldstation.testing.crashlab import Disk
from fieldstation.testing.crashlab_trace import Sync, record, steps
from proof.store import Job, Tally, judged
from proof.witness import MOST, Verdict
from proof.work import JOURNAL, SINK, START_US

FORM_1 = Path(__file__).parents[1] / "tests" / "journal" / "form1.sqlite3"
_OPEN = (
    "import sys; from pathlib import Path; from fieldstation.journal import open_journal;"
    " open_journal(Path(sys.argv[1]), utc_us=lambda: int(sys.argv[2]))[0].close()"
)


def migrated(job: Job) -> Tally:
    """Trace the first start on the file of an older release, and open every disk that comes of a
    cut in it.
    """
    present = {JOURNAL: FORM_1.read_bytes()}
    with tempfile.TemporaryDirectory() as scratch:
        folder, trace = Path(scratch) / "data", Path(scratch) / "trace"
        folder.mkdir()
        (folder / JOURNAL).write_bytes(present[JOURNAL])
        command = [sys.executable, "-c", _OPEN, str(folder / JOURNAL), str(START_US)]
        record(command, trace)
        made = steps(trace, folder, list(present))
        whole = _image(folder)
    tally = Tally(accepted=len(whole[0]), syncs=sum(isinstance(step, Sync) for step in made))

    def judge(_: Disk, folder: Path) -> Verdict:
        return _judge(folder, whole)

    return judged(job, made, present, tally, judge)


Image = tuple[list[object], list[object], object]


def _judge(folder: Path, whole: Image) -> Verdict:
    try:
        first, second = _image(folder), _image(folder)
    except StoreError as error:
        return Verdict(damaged=(f"{type(error).__name__}: {error}",))
    lost = _absent(whole[0], first[0])
    wrong = []
    if first[1:] != whole[1:]:
        wrong.append("cursor or holes are others")
    if _absent(first[0], whole[0]):
        wrong.append("there are other readings")
    return Verdict(
        lost=tuple(range(len(lost))),
        wrong=tuple(wrong),
        unlike=() if first == second else ("the second opening differs",),
    )


def _absent(ours: Iterable[object], theirs: list[object]) -> list[object]:
    return [one for one in ours if one not in theirs]


def _image(folder: Path) -> Image:
    """Readings, holes and the cursor after an opening."""
    journal, aside = open_journal(folder / JOURNAL, utc_us=lambda: START_US)
    try:
        assert aside is None
        return _seen(journal)
    finally:
        journal.close()


def _seen(journal: Journal) -> Image:
    return [*journal.after(0, MOST)], [*journal.holes(MOST)], journal.cursor(SINK)
