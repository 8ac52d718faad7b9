"""The laboratory's own tools: a trace is read as it happened, and disks follow from it."""

from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path

import pytest

from fieldstation.errors import CodecError
from fieldstation.testing.crashlab import Disk, Model, disks
from fieldstation.testing.crashlab_trace import (
    FOLDER,
    Create,
    Rename,
    Resize,
    Said,
    Sync,
    Unlink,
    Write,
    record,
    steps,
)

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing")

SCRIPT = """
import os, sys
os.chdir(sys.argv[1])
here = os.getcwd() + "/"
file = os.open(here + "a", os.O_CREAT | os.O_RDWR)
os.write(file, b"he\\xffllo")
os.write(1, b"first\\n")
os.pwrite(file, b"x" * 700, 10)
os.fdatasync(file)
os.ftruncate(file, 50)
os.rename(here + "a", here + "b")
os.close(file)
folder = os.open(here, os.O_RDONLY)
os.fsync(folder)
os.unlink(here + "b")
os.write(os.open(here + "a", os.O_CREAT | os.O_WRONLY), b"new")
os.write(1, b"second\\n")
"""
STEPS = [
    Create("a", 1),
    Write(1, 0, b"he\xffllo"),
    Said("first"),
    Write(1, 10, b"x" * 700),
    Sync(1),
    Resize(1, 50),
    Rename("a", "b"),
    Sync(FOLDER),
    Unlink("b"),
    Create("a", 2),
    Write(2, 0, b"new"),
    Said("second"),
]


def traced(tmp_path: Path, script: str) -> list[object]:
    folder = tmp_path / "data"
    folder.mkdir()
    record([sys.executable, "-c", script, str(folder)], tmp_path / "trace")
    return list(steps(tmp_path / "trace", folder))


@needs_strace
@pytest.mark.slow
def test_a_trace_tells_every_change_in_order_and_files_apart(tmp_path: Path) -> None:
    assert traced(tmp_path, SCRIPT) == STEPS


@needs_strace
@pytest.mark.slow
def test_a_call_that_is_not_understood_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CodecError, match="symlink"):
        traced(tmp_path, "import os, sys; os.symlink('/', sys.argv[1] + '/a')")


def found(after: int, model: Model, each: int = 40) -> list[Disk]:
    every = disks(STEPS[:after], {}, random.Random(1), model=model, each=each)
    return [disk for disk in every if disk.step == after]


def test_what_was_synced_is_on_every_disk_and_what_was_not_is_on_some() -> None:
    synced = b"he\xffllo" + bytes(4) + b"x" * 700
    assert {disk.files.get("a") for disk in found(5, Model.ORDERED)} == {synced}
    after_resize = {disk.files.get("a") for disk in found(6, Model.ORDERED)}
    assert after_resize == {synced, synced[:50]}


def test_an_unsynced_write_may_be_torn_at_a_sector() -> None:
    contents = {disk.files.get("a", b"") for disk in found(4, Model.ORDERED, 400)}
    torn = {len(content) for content in contents}
    assert {0, 6, 512, 710} <= torn
    assert any(content[512:] and set(content[512:]) == {0} for content in contents)


def test_posix_may_forget_a_name_that_ext4_keeps() -> None:
    assert all("a" in disk.files for disk in found(5, Model.ORDERED))
    assert any("a" not in disk.files for disk in found(5, Model.POSIX))
    assert all(set(disk.files) == {"b"} for disk in found(8, Model.POSIX))


def test_a_name_used_again_is_another_file() -> None:
    kinds = {frozenset(disk.files.items()) for disk in found(len(STEPS), Model.ORDERED)}
    names = {tuple(sorted(name for name, _ in files)) for files in kinds}
    assert names == {("b",), (), ("a",)}
    assert frozenset({("a", b"new")}) in kinds


def test_the_number_of_lines_said_goes_with_the_disk() -> None:
    assert {disk.said for disk in found(3, Model.POSIX)} == {1}
    assert {disk.said for disk in found(len(STEPS), Model.POSIX)} == {2}


def test_the_same_seed_gives_the_same_disks() -> None:
    one = [disk.files for disk in disks(STEPS, {}, random.Random(4), each=9)]
    two = [disk.files for disk in disks(STEPS, {}, random.Random(4), each=9)]
    assert one == two
    assert len(one) > len(STEPS)
    assert os.sep not in "".join(name for files in one for name in files)
