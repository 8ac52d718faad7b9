"""Serial ports, on real ptys."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from fieldstation.errors import LinkBusy, LinkDenied, LinkError, LinkLost, LinkNotFound
from fieldstation.model import SerialLine
from fieldstation.testing.echo import RESYNC, EchoTwin, number
from fieldstation.testing.ptyhost import swap
from fieldstation.transport import Runner, open_link
from fieldstation.transport.host import pty_host
from fieldstation.transport.link import refusal
from fieldstation.transport.plug import PtyPort

FAST = SerialLine(baud=115_200)


async def test_conversation_over_a_pty() -> None:
    async with pty_host(EchoTwin(), time.time) as path, asyncio.timeout(5):
        link = await open_link(path, FAST)
        runner = Runner(link, resync=RESYNC)
        assert [await runner.converse(number(asked)) for asked in range(5)] == [0, 1, 2, 3, 4]
        await link.aclose()
        await link.aclose()


async def test_port_can_be_closed_and_opened_again() -> None:
    async with pty_host(EchoTwin(), time.time) as path, asyncio.timeout(5):
        for asked in range(3):
            link = await open_link(path, FAST)
            assert await Runner(link, resync=RESYNC).converse(number(asked)) == asked
            await link.aclose()


async def test_second_opener_is_refused() -> None:
    async with pty_host(EchoTwin(), time.time) as path, asyncio.timeout(5):
        link = await open_link(path, FAST)
        with pytest.raises(LinkBusy, match=f"{path} is in use by another program"):
            await open_link(path, FAST)
        assert await Runner(link, resync=RESYNC).converse(number(1)) == 1
        await link.aclose()
        await (await open_link(path, FAST)).aclose()


async def test_second_program_is_refused() -> None:
    program = (
        "import asyncio, sys\n"
        "from fieldstation.errors import LinkBusy\n"
        "from fieldstation.model import SerialLine\n"
        "from fieldstation.transport import open_link\n"
        "try:\n"
        "    asyncio.run(open_link(sys.argv[1], SerialLine()))\n"
        "except LinkBusy:\n"
        "    sys.exit(42)\n"
    )
    async with pty_host(EchoTwin(), time.time) as path, asyncio.timeout(30):
        link = await open_link(path, FAST)
        other = await asyncio.create_subprocess_exec(sys.executable, "-c", program, path)
        assert await other.wait() == 42
        await link.aclose()


async def test_port_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LinkNotFound, match="is not there; check that the cable is plugged in"):
        await open_link(str(tmp_path / "ttyUSB0"), FAST)


async def test_file_that_is_no_tty_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no port")
    with pytest.raises(LinkError, match="is no serial port; name a tty"):
        await open_link(str(tmp_path / "notes.txt"), FAST)
    with pytest.raises(LinkError, match="is no serial port"):
        await open_link(str(tmp_path), FAST)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_port_of_another_user_names_the_group() -> None:
    program = (
        "import asyncio, os, sys\n"
        "from fieldstation.errors import LinkDenied\n"
        "from fieldstation.model import SerialLine\n"
        "from fieldstation.transport import open_link\n"
        "async def main():\n"
        "    await (await open_link(sys.argv[1], SerialLine())).aclose()\n"
        "    os.seteuid(65534)\n"
        "    try:\n"
        "        await open_link(sys.argv[1], SerialLine())\n"
        "    except LinkDenied as error:\n"
        "        print(error)\n"
        "asyncio.run(main())\n"
    )
    async with pty_host(EchoTwin(), time.time) as path, asyncio.timeout(30):
        os.chmod(path, stat.S_IRUSR)
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, path, stdout=subprocess.PIPE
        )
        said, _ = await other.communicate()
        assert b"may not open it; add the user to the group dialout" in said


def test_denied_port_is_told_apart() -> None:
    assert isinstance(refusal("/dev/ttyUSB0", 13, "Permission denied", access="x"), LinkDenied)


async def test_unplugged_port_is_lost_within_a_second(tmp_path: Path) -> None:
    port = PtyPort(EchoTwin(0.1), tmp_path, "A", time.time)
    await port.plug()
    link = await open_link(str(port.by_id), FAST)
    runner = Runner(link, resync=RESYNC)
    assert await runner.converse(number(1)) == 1
    waiting = asyncio.ensure_future(link.read())
    await asyncio.sleep(0)
    await port.unplug()
    async with asyncio.timeout(1):
        with pytest.raises(LinkLost, match="is gone"):
            await waiting
        with pytest.raises(LinkLost):
            await runner.converse(number(2))
        await link.aclose()
    with pytest.raises(LinkNotFound):
        await open_link(str(port.by_id), FAST)


async def test_port_unplugged_in_the_middle_of_a_conversation_is_lost(tmp_path: Path) -> None:
    async with PtyPort(EchoTwin(60.0), tmp_path, "A", time.time) as port:
        link = await open_link(str(port.by_id), FAST)
        waiting = asyncio.ensure_future(Runner(link, resync=RESYNC).converse(number(1)))
        await asyncio.sleep(0.02)
        await port.unplug()
        async with asyncio.timeout(1):
            with pytest.raises(LinkLost):
                await waiting
            await link.aclose()


async def test_by_id_name_leads_to_the_same_unit_after_replug_and_swap(tmp_path: Path) -> None:
    twins = [EchoTwin(), EchoTwin()]
    first, second = (
        PtyPort(twin, tmp_path, serial, time.time) for twin, serial in zip(twins, "AB", strict=True)
    )

    async def ask(port: PtyPort, asked: int) -> None:
        link = await open_link(str(port.by_id), FAST)
        assert await Runner(link, resync=RESYNC).converse(number(asked)) == asked
        await link.aclose()

    await first.plug(0)
    await second.plug(1)
    async with asyncio.timeout(5):
        await ask(first, 100)
        await swap(first, second)
        assert first.device == tmp_path / "ttyUSB1"
        await ask(first, 101)
        await second.replug(7)
        await ask(second, 200)
    assert twins[0].requests == [b"who", b"?100", b"who", b"?101"]
    assert twins[1].requests == [b"who", b"?200"]
    await first.unplug()
    await second.unplug()


async def test_drain_takes_what_the_system_holds_as_well() -> None:
    async with pty_host(EchoTwin(), time.time) as path, asyncio.timeout(5):
        link = await open_link(path, FAST)
        await link.write(b"who\n")
        drained = b""
        while not drained.endswith(b"\n"):
            drained += await link.drain()
        assert drained.startswith(b"echo ")
        assert await link.drain() == b""
        await link.aclose()


@pytest.mark.parametrize("parity", ["N", "E", "O"])
async def test_line_settings_reach_the_port(parity: str) -> None:
    async with pty_host(EchoTwin(), time.time) as path, asyncio.timeout(5):
        link = await open_link(path, SerialLine(2400, 7, parity, 2))
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
        _, _, flags, local, _, speed, _ = termios.tcgetattr(descriptor)
        os.close(descriptor)
        assert speed == termios.B2400
        assert bool(flags & termios.CSTOPB)
        # A pty has no parity of its own: the kernel keeps 8N there (pty_set_termios).
        assert not local & (termios.ECHO | termios.ICANON)
        await link.aclose()


async def test_write_takes_the_time_of_the_line() -> None:
    loop = asyncio.get_running_loop()
    async with pty_host(EchoTwin(), time.time) as path, asyncio.timeout(5):
        link = await open_link(path, SerialLine(baud=2400))
        started = loop.time()
        await link.write(b"12345678")
        assert loop.time() - started >= 8 * 10 / 2400 - loop_slack()
        await link.aclose()


def loop_slack() -> float:
    """Timers may fire early by the clock's resolution."""
    return time.get_clock_info("monotonic").resolution
