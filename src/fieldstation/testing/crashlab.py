"""Every disk that could exist after a power cut, built from what a program did to its files.

1. What was synced is there. Of what was not, each piece may be there, be missing, be torn at a
   sector, or (the file has grown over it) hold zeros or garbage.
2. Names (made, moved, removed) follow one of two models. ORDERED is a journalling file system such
   as ext4: they come to be in their order, and syncing a file brings its own and all earlier ones.
   POSIX promises less: any of them may be missing until the folder is synced.
3. There are more disks than anyone can look at: the plain ones (nothing kept, everything kept) are
   built at every point, of the others a seeded choice.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fieldstation.testing.crashlab_trace import (
    FOLDER,
    Change,
    Create,
    Link,
    Naming,
    Rename,
    Resize,
    Said,
    Step,
    Sync,
    Unlink,
    Write,
)

SECTOR = 512


class Model(StrEnum):
    """How names become durable."""

    ORDERED = "ordered"
    POSIX = "posix"


@dataclass(frozen=True, slots=True)
class Disk:
    """The files after a cut that came after `step` steps, when the program had said `said` lines.
    `how` tells what became of the pieces that were not synced.
    """

    step: int
    said: int
    files: Mapping[str, bytes]
    how: str


def disks(
    steps: Sequence[Step],
    present: Mapping[str, bytes],
    chance: random.Random,
    *,
    model: Model = Model.ORDERED,
    each: int = 8,
) -> Iterator[Disk]:
    """Disks after each step, at most `each` for a step, without repeating one in a row. `present`
    are the files at the start, in the order that the trace was read with.
    """
    history = _History(present, model)
    said = 0
    for number, step in enumerate(steps, 1):
        said += isinstance(step, Said)
        history.take(step)
        seen: set[int] = set()
        for files, how in history.after_cut(chance, each):
            mark = hash(frozenset(files.items()))
            if mark not in seen:
                seen.add(mark)
                yield Disk(number, said, files, how)


class _History:
    """What is durable, and what is on its way."""

    def __init__(self, present: Mapping[str, bytes], model: Model) -> None:
        self._model = model
        self._names = {name: inode for inode, name in enumerate(present, 1)}
        self._contents = {self._names[name]: data for name, data in present.items()}
        self._changes: list[Change] = []
        self._namings: list[Naming] = []

    def take(self, step: Step) -> None:
        """One more step happened."""
        if isinstance(step, Sync):
            self._sync(step.inode)
        elif isinstance(step, Write | Resize):
            self._changes.append(step)
        elif not isinstance(step, Said):
            self._namings.append(step)

    def after_cut(self, chance: random.Random, each: int) -> Iterator[tuple[dict[str, bytes], str]]:
        """Files that may be found when the power fails now."""
        yield self._files(self._namings, self._changes), "all kept"
        if not self._changes and not self._namings:
            return
        yield self._files(self._namings, []), "no unsynced write kept"
        if self._namings:
            yield self._files([], []), "nothing unsynced kept"
        for _ in range(each - 3):
            namings, which = self._some_namings(chance)
            changes, how = self._some_changes(chance)
            yield self._files(namings, changes), f"{which}, {how}"

    def _some_namings(self, chance: random.Random) -> tuple[list[Naming], str]:
        most = len(self._namings)
        if self._model is Model.ORDERED:
            count = chance.randint(0, most)
            return self._namings[:count], f"{count} of {most} names"
        kept = [naming for naming in self._namings if chance.random() < 0.6]
        return kept, f"some {len(kept)} of {most} names"

    def _some_changes(self, chance: random.Random) -> tuple[list[Change], str]:
        changes, way = self._changes, chance.choice(("first", "some", "all but one", "one"))
        place = chance.randrange(len(changes)) if changes else 0
        if way == "first":
            kept = changes[: place + 1]
        elif way == "some":
            kept = [change for change in changes if chance.random() < 0.5]
        elif way == "one":
            kept = changes[place : place + 1]
        else:
            kept = changes[:place] + changes[place + 1 :]
        if kept and chance.random() < 0.5:
            worn = chance.randrange(len(kept))
            kept = [*kept[:worn], *_worn(kept[worn], chance), *kept[worn + 1 :]]
            way += ", one torn"
        return list(kept), f"{way} of {len(changes)} writes"

    def _sync(self, inode: int) -> None:
        if inode == FOLDER:
            self._make_durable(len(self._namings))
            return
        if self._model is Model.ORDERED:
            self._make_durable(self._brought_by(inode))
        mine = [change for change in self._changes if change.inode == inode]
        self._changes = [change for change in self._changes if change.inode != inode]
        self._contents[inode] = _changed(self._contents.get(inode, b""), mine)

    def _brought_by(self, inode: int) -> int:
        """How many of the names that are on their way a sync of the inode makes durable: up to the
        last that concerns it, all when its size has changed as well (one journal for both).
        """
        size = len(self._contents.get(inode, b""))
        for change in self._changes:
            if change.inode == inode and _end(change) != size and _end(change) > size:
                return len(self._namings)
        names, reach = dict(self._names), 0
        for number, naming in enumerate(self._namings, 1):
            before = set(names.items())
            _apply(names, naming)
            if any(found == inode for _, found in before ^ set(names.items())):
                reach = number
        return reach

    def _make_durable(self, count: int) -> None:
        for naming in self._namings[:count]:
            _apply(self._names, naming)
        self._namings = self._namings[count:]

    def _files(self, namings: Sequence[Naming], changes: Sequence[Change]) -> dict[str, bytes]:
        names = dict(self._names)
        for naming in namings:
            _apply(names, naming)
        files = {}
        for name, inode in names.items():
            mine = [change for change in changes if change.inode == inode]
            content = self._contents.get(inode, b"")
            files[name] = _changed(content, mine) if mine else content
        return files


def _apply(names: dict[str, int], naming: Naming) -> None:
    """Carry out a naming as far as it still makes sense without those that got lost."""
    if isinstance(naming, Create):
        names[naming.name] = naming.inode
    elif isinstance(naming, Unlink):
        names.pop(naming.name, None)
    elif isinstance(naming, Rename) and naming.old in names:
        names[naming.new] = names.pop(naming.old)
    elif isinstance(naming, Link) and naming.old in names:
        names[naming.new] = names[naming.old]


def _changed(content: bytes, changes: Sequence[Change]) -> bytes:
    if not changes:
        return content
    made = bytearray(content)
    for change in changes:
        if isinstance(change, Write):
            made.extend(bytes(max(0, change.offset - len(made))))
            made[change.offset : change.offset + len(change.data)] = change.data
        elif change.size >= len(made):
            made.extend(bytes(change.size - len(made)))
        elif not change.grow:
            del made[change.size :]
    return bytes(made)


def _end(change: Change) -> int:
    return change.offset + len(change.data) if isinstance(change, Write) else change.size


def _worn(change: Change, chance: random.Random) -> list[Change]:
    """What a cut in the middle of a write leaves: its first or last sectors, zeros or garbage in
    place of the rest, or nothing there.
    """
    if isinstance(change, Resize):
        return [change]
    edges = range(SECTOR - change.offset % SECTOR, len(change.data), SECTOR)
    cut = chance.choice(edges) if edges else 0
    head, tail = change.data[:cut], change.data[cut:]
    match chance.randrange(4):
        case 0:
            return [Write(change.inode, change.offset, head)]
        case 1:
            return [Write(change.inode, change.offset + cut, tail)]
        case 2:
            return [Write(change.inode, change.offset, head + bytes(len(tail)))]
        case _:
            return [Write(change.inode, change.offset, head + chance.randbytes(len(tail)))]
