"""Programs that hold together: what happens when one of them ends."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from fieldstation.cli import children as children_module
from fieldstation.cli.children import ChildEnded, Children

COUNT = "import sys, pathlib; pathlib.Path(sys.argv[1]).open('a').write('x'); sys.exit(%d)"


STAY = COUNT.partition(" sys.exit")[0] + "\nimport signal; signal.pause()"


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


async def _watched(children: Children, until: Path, size: int) -> None:
    """Watch until the file has grown."""
    watching = asyncio.create_task(children.watch())
    async with asyncio.timeout(20):
        while not (watching.done() or _size(until) >= size):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    watching.cancel()
    await watching


async def test_a_dead_program_is_started_again_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(children_module, "FIRST_WAIT_S", 0.01)
    async with Children(lasting=True) as children:
        await children.run("station", sys.executable, "-c", COUNT % 3, str(tmp_path / "starts"))
        with pytest.raises(asyncio.CancelledError):
            await _watched(children, tmp_path / "starts", 3)
    said = capsys.readouterr().err.splitlines()
    assert len(said) >= 2
    assert said[0].startswith(
        "fieldstation: the station has ended (exit code 3); it is started again in 0.0"
    )


async def test_a_killed_program_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(children_module, "FIRST_WAIT_S", 0.01)
    starts = tmp_path / "starts"
    async with Children(lasting=True) as children:
        first = await children.run("hub", sys.executable, "-c", STAY, str(starts))
        with pytest.raises(asyncio.CancelledError):
            await _watched(children, starts, 1)
        first.kill()
        with pytest.raises(asyncio.CancelledError):
            await _watched(children, starts, 2)
    assert "the hub has ended (killed by SIGKILL)" in capsys.readouterr().err


@pytest.mark.parametrize(("lasting", "code"), [(True, 78), (True, 2), (False, 3)])
async def test_what_only_a_person_can_mend_ends_all(
    tmp_path: Path, lasting: bool, code: int
) -> None:
    async with Children(lasting=lasting) as children:
        await children.run("station", sys.executable, "-c", COUNT % code, str(tmp_path / "starts"))
        with pytest.raises(ChildEnded, match=rf"the station has ended \(exit code {code}\)"):
            await _watched(children, tmp_path / "starts", 9)
    assert (tmp_path / "starts").read_text() == "x"
