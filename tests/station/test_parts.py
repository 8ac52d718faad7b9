"""Clock, values, log, notify and the status socket."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.batch import Batch, decode, encode
from fieldstation.batch.facts import Cause
from fieldstation.batch.model import Announcement
from fieldstation.errors import (
    CodecError,
    FrameTooLong,
    InstrumentRefused,
    LinkBusy,
    LinkDenied,
    LinkLost,
    LinkNotFound,
    LinkTimeout,
    NotFound,
    StoreFull,
    StoreUnavailable,
)
from fieldstation.journal import open_journal
from fieldstation.model import (
    Channel,
    I2cLine,
    Instant,
    Kept,
    Kind,
    Layout,
    Reading,
    SerialLine,
    Trust,
)
from fieldstation.station.alive import Progress
from fieldstation.station.causes import WrongUnit, cause_of
from fieldstation.station.clock import RELEASED_US, SystemClock, utc_text
from fieldstation.station.health import ask_status, status_socket
from fieldstation.station.log import KeyValues
from fieldstation.station.notify import notify, watchdog
from fieldstation.station.places import bus_of, seat_of
from fieldstation.station.values import fit

from .meter import LoopClock, collecting

EVERY_KIND = Layout("k", "l", tuple(Channel(kind.value, kind) for kind in Kind))


# --- clock ---


def test_time_goes_on_and_each_run_has_its_own_name() -> None:
    clock, other = SystemClock(), SystemClock()
    first, second = clock.now(), clock.now()
    assert first.boot == second.boot != other.now().boot
    assert len(first.boot) == 16
    assert 0 <= second.mono_us - first.mono_us < 10_000_000
    assert first.utc_us > 1_700_000_000_000_000
    assert len(clock.kernel) == 36


@pytest.mark.parametrize(
    ("utc_s", "believable"),
    [(0, False), (RELEASED_US / 1e6 - 1, False), (RELEASED_US / 1e6, True), (4e9, True)],
)
def test_a_time_before_the_program_was_written_is_never_trusted(
    utc_s: float, believable: bool
) -> None:
    disciplined = SystemClock().now().trust is Trust.SYNCED
    found = SystemClock(wall_ns=lambda: int(utc_s * 1e9)).now()
    assert found.utc_us == utc_s * 1e6
    assert (found.trust is Trust.SYNCED) == (believable and disciplined)


def test_a_kernel_that_says_nothing_of_its_clock_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SystemClock()
    monkeypatch.setattr(clock, "_adjtimex", None)
    assert clock.now().trust is Trust.UNSYNCED
    for answer, status, trust in ((0, 0, Trust.SYNCED), (5, 0x40, Trust.UNSYNCED), (-1, 0, None)):

        def adjtimex(_: object, answer: int = answer, status: int = status) -> int:
            clock._timex.status, clock._timex.maxerror = status, 1234
            return answer

        monkeypatch.setattr(clock, "_adjtimex", adjtimex)
        assert clock.now().trust is (trust or Trust.UNSYNCED)
        assert clock.error_us == 1234


def test_a_time_is_told_to_the_second_however_wrong_it_is() -> None:
    assert utc_text(1_779_969_600_999_999) == "2026-05-28T12:00:00Z"
    assert utc_text(2**62) == f"{2**62} us"


# --- progress ---


class _Busy:
    behind_s = 0.0


async def test_what_is_never_written_is_no_life(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = LoopClock()
    async with collecting(tmp_path, clock) as collector:
        alive = Progress(collector, clock, 1.0)
        assert await alive()
        collector.state.waiting = 3
        assert await alive()  # not for long yet
        clock.passed_us = 40_000_000
        assert not await alive()
        assert not await alive()
        assert [r.message for r in caplog.records] == ["the station hangs"]
        collector.state.error = "the disk is full"
        assert await alive()  # it says why, and a restart would lose what waits
        collector.state.error, collector.state.last_sequence = "", 5
        assert await alive()


async def test_a_hanging_instrument_is_no_life(tmp_path: Path) -> None:
    clock = LoopClock()
    async with collecting(tmp_path, clock) as collector:
        alive, busy = Progress(collector, clock, 1.0), _Busy()
        alive.instruments = [busy]
        assert await alive()
        busy.behind_s = 301.0
        assert not await alive()
        busy.behind_s = 0.0
        assert await alive()


# --- values ---


@pytest.mark.parametrize(
    ("kind", "given_value", "fitted"),
    [
        (Kind.NUMBER, 5, 5.0),
        (Kind.NUMBER, -0.0, -0.0),
        (Kind.NUMBER, math.nan, None),
        (Kind.NUMBER, math.inf, None),
        (Kind.NUMBER, 10**400, None),
        (Kind.NUMBER, "5", None),
        (Kind.INTEGER, 5.0, 5),
        (Kind.INTEGER, 5.5, None),
        (Kind.INTEGER, 1e300, None),
        (Kind.INTEGER, 2**63, None),
        (Kind.INTEGER, -(2**63) + 1, -(2**63) + 1),
        (Kind.FLAG, 1, True),
        (Kind.FLAG, 2, None),
        (Kind.ENUM, 3, 3),
        (Kind.ENUM, "L", "L"),
        (Kind.TEXT, "1,5", "1,5"),
        (Kind.TEXT, 7, None),
        (Kind.TEXT, "\ud800", None),
        (Kind.TEXT, "x" * 5000, None),
    ],
)
def test_a_value_that_does_not_suit_its_channel_costs_itself_only(
    kind: Kind, given_value: float, fitted: float | None
) -> None:
    values = {"text": "there", kind.value: given_value}
    row, unfit = fit(EVERY_KIND, values)
    found = dict(zip(EVERY_KIND.names, row, strict=True))[kind.value]
    assert (repr(found), type(found)) == (repr(fitted), type(fitted))
    assert unfit == ([kind.value] if fitted is None else [])


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(10**400)
)


@given(values=st.fixed_dictionaries({kind.value: anything for kind in Kind}))
def test_whatever_an_instrument_says_goes_through_journal_and_batch_unchanged(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]
) -> None:
    row, _ = fit(EVERY_KIND, values)  # type: ignore[arg-type]
    path = tmp_path_factory.mktemp("values") / "journal.sqlite3"
    journal, _ = open_journal(path, utc_us=lambda: 0)
    kept = journal.append([Reading("i", EVERY_KIND, Instant(1, 1, b"b" * 16), row)])
    assert journal.after(0, 1) == kept
    journal.close()
    batch = Batch(b"b" * 16, 1, 1, 1, tuple(kept), (Announcement("i", EVERY_KIND, 0),))
    back = decode(encode(batch)).readings
    assert repr(back) == repr(tuple(kept)) == repr((Kept(1, kept[0].reading),))


# --- causes and places ---


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (LinkNotFound(""), Cause.UNPLUGGED),
        (LinkLost(""), Cause.UNPLUGGED),
        (LinkBusy(""), Cause.BUSY),
        (LinkDenied(""), Cause.DENIED),
        (LinkTimeout(""), Cause.SILENT),
        (CodecError("x", ""), Cause.GARBLED),
        (FrameTooLong(""), Cause.GARBLED),
        (InstrumentRefused("nak", ""), Cause.REFUSED),
        (StoreFull("f"), Cause.DISK_FULL),
        (StoreUnavailable("u"), Cause.STORE),
        (WrongUnit(""), Cause.WRONG_UNIT),
        (ValueError(""), Cause.DEFECT),
    ],
)
def test_each_error_has_its_cause(error: Exception, cause: Cause) -> None:
    assert cause_of(error) is cause


def test_chips_on_one_bus_share_it_and_sit_apart() -> None:
    ports = ["i2c:1:0x39", "i2c:1", "usb-iss:/dev/a?i2c=0x40", "usb-iss:/dev/a", "spi:0.0"]
    assert [bus_of(port) for port in ports] == ["i2c:1", "i2c:1", "/dev/a", "/dev/a", "spi:0"]
    seats = [seat_of(port, I2cLine(0x10)) for port in ports]
    assert seats == ["i2c:1:0x39", "i2c:1:0x10", "/dev/a:0x40", "/dev/a:0x10", "spi:0.0"]


def test_units_that_are_followed_sit_apart_wherever_they_are() -> None:
    line = SerialLine()
    assert bus_of("usb:0403:6001", "A1") != bus_of("usb:0403:6001", "B2")
    assert seat_of("hid:0665:5161", line, "A1") != seat_of("hid:0665:5161", line, "B2")
    assert seat_of("hid:0665:5161", line) == "hid:0665:5161"
    named = "hid:0665:5161:usb-1"
    assert seat_of(named, line, "A1") == seat_of(named, line, "B2") == named


def test_two_names_of_one_device_are_one_seat(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "by-id").symlink_to(tmp_path / "ttyUSB0")
    seats = {seat_of(str(tmp_path / name), SerialLine()) for name in ("ttyUSB0", "by-id")}
    assert len(seats) == 1


# --- log ---


def _line(message: str, **fields: object) -> str:
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO", **fields})
    return KeyValues().format(record)


def test_an_event_is_one_line_of_pairs() -> None:
    line = _line("instrument lost", instrument="inverter", count=3)
    assert line == 'level=info event="instrument lost" instrument=inverter count=3'


@given(text=st.text())
def test_no_text_from_outside_starts_a_line_of_its_own(text: str) -> None:
    line = _line("x", reason=text)
    assert line.isprintable()
    assert line.startswith("level=info event=x reason=")


# --- notify ---


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """A service manager's socket."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(str(tmp_path / "n"))
    channel.settimeout(5)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
    return channel


def test_the_service_manager_is_told(manager: socket.socket) -> None:
    notify("READY=1")
    assert manager.recv(100) == b"READY=1"
    manager.close()
    notify("READY=1")


async def test_the_watchdog_pings_only_while_the_parts_answer(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "2000")
    answers: list[bool | None] = [True, False, True, None]

    async def alive() -> bool:
        answer = answers.pop(0)
        if answer is None:
            await asyncio.Event().wait()
        return bool(answer)

    task = asyncio.create_task(watchdog(alive))
    async with asyncio.timeout(5):
        while answers:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    task.cancel()
    assert [manager.recv(100), manager.recv(100)] == [b"WATCHDOG=1"] * 2
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)
    manager.close()


async def test_without_a_manager_there_is_no_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    await watchdog(lambda: asyncio.sleep(3600, result=True))


# --- status ---


async def test_the_status_is_told_to_whoever_asks_however_deep_the_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    await asyncio.to_thread(deep.mkdir)
    for count in (1, 2):  # a socket that was left behind is replaced
        async with status_socket(deep, lambda n=count: {"count": n}):  # type: ignore[misc]
            assert await asyncio.to_thread(ask_status, deep) == {"count": count}
            assert await asyncio.to_thread(ask_status, deep) == {"count": count}
    with pytest.raises(NotFound, match="no station is running"):
        await asyncio.to_thread(ask_status, deep)


def test_a_station_that_never_ran_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="fieldstation run"):
        ask_status(tmp_path / "none")


def test_something_else_at_the_socket_is_no_station(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "status.sock"))
    listener.listen()
    listener.close()
    with pytest.raises((NotFound, StoreUnavailable)):
        ask_status(tmp_path)
