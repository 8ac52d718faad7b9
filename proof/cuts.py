"""Real power cuts of a real file system: ext4 in a file, shut down by the kernel in the middle of
work without writing what it holds (FS_IOC_SHUTDOWN), mounted again with its own recovery.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.figure import Figure

from proof.part import Part, Progress, zero
from proof.witness import Told, examine
from proof.work import Work, say_line

CUTS = 300
LIVE_S = (0.0, 0.4)
IMAGE_BYTES = 48 << 20
SHUTDOWN = 0x8004587D  # _IOR('X', 125, u32), fs/ext4/ioctl.c
NO_LOG_FLUSH = (2).to_bytes(4, "little")  # EXT4_GOING_FLAGS_NOLOGFLUSH: as when the power goes
ENDLESS = 1_000_000
# What the work says about itself rather than about what is durable: holds also when it was said
# while the power went.
INTENTIONS = ('["receipt"', '["prune"')

UNTESTED = ("power cuts of xfs, btrfs and f2fs", "cards that say 'written' before it is")


def prove(seed: int, share: float = 1.0) -> Part:
    """Cut ext4 a few hundred times; needs root and loop devices."""
    if reason := missing():
        return Part((), (f"real power cuts of ext4: {reason}", *UNTESTED))
    cuts = max(1, round(CUTS * share))
    chance, progress = random.Random(seed), Progress("power cuts", cuts)
    notes: list[str] = []
    accepted = lost = bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        image = _image(Path(scratch))
        for number in range(cuts):
            heard = _cut(image, seed + number, chance.uniform(*LIVE_S))
            with mounted(image) as folder:
                (folder / "data").mkdir(exist_ok=True)  # the cut may have been before it was there
                verdict = examine(folder / "data", seed + number, heard)
                shutil.rmtree(folder / "data")
            accepted += heard.kept
            lost += len(verdict.lost)
            bad += not verdict.good
            notes += [] if verdict.good else [f"cut {number} of seed {seed}: {verdict}"]
            progress.step()
    figures = (
        Figure("power cuts of ext4", cuts, ""),
        Figure("readings accepted before them", accepted, ""),
        zero("accepted and lost", lost),
        zero("cuts after which anything was wrong", bad),
    )
    return Part(figures, UNTESTED, tuple(notes))


def missing() -> str:
    """What keeps this machine from cutting; nothing when it can."""
    if os.geteuid() != 0:
        return "this needs root"
    if shutil.which("mkfs.ext4") is None:
        return "mkfs.ext4 is not installed"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            with mounted(_image(Path(scratch))):
                return ""
        except subprocess.CalledProcessError as error:
            return f"an image cannot be mounted here ({error.stderr.decode().strip()[-80:]})"


def _image(folder: Path) -> Path:
    image = folder / "ext4.img"
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)
    return image


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    """The image's files, until the block ends."""
    place = image.with_suffix(".mount")
    place.mkdir(exist_ok=True)
    _mount("mount", "-o", "loop", str(image), str(place))
    try:
        yield place
    finally:
        _mount("umount", str(place))


def _mount(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _cut(image: Path, seed: int, live_s: float) -> Told:
    """Let a journal work, cut the power, and give back what it had said by then."""
    with ExitStack() as stack:
        folder = stack.enter_context(mounted(image))
        (folder / "data").mkdir()
        ear, mouth = os.pipe()
        stack.callback(os.close, ear)
        child = os.fork()
        if child == 0:
            _work(folder / "data", seed, mouth)
        os.close(mouth)
        said = _hear(ear, live_s)
        handle = os.open(folder, os.O_RDONLY)
        fcntl.ioctl(handle, SHUTDOWN, NO_LOG_FLUSH)
        os.close(handle)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        *lines, rest = said.split(b"\n")
        later = (rest + _hear(ear, 10.0)).split(b"\n")
    told = Told.of(line.decode() for line in lines)
    for line in later[:-1]:
        if line.decode().startswith(INTENTIONS):
            told.hear(line.decode())
    return told


def _work(folder: Path, seed: int, mouth: int) -> None:
    """In the child: work until the end comes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        Work(folder, seed, partial(say_line, mouth)).run(ENDLESS)
    finally:
        os._exit(1)


def _hear(ear: int, most_s: float) -> bytes:
    """What comes within this time, or until the other side is gone."""
    heard, deadline = b"", time.monotonic() + most_s
    while (left := deadline - time.monotonic()) > 0:
        if select.select([ear], [], [], left)[0]:
            piece = os.read(ear, 65536)
            if not piece:
                break
            heard += piece
    return heard
