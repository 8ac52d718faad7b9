"""The station's status as people read it: first what needs somebody, then the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fieldstation.cli.output import emit_json, emit_table, time_text
from fieldstation.model.plain import plain

if TYPE_CHECKING:
    from fieldstation.station.config import Config

LITTLE_ROOM_BYTES = 500_000_000


def show_status(config: Config, as_json: bool) -> None:
    """Ask the running station and print what it says. Raises NotFound when none runs."""
    from fieldstation.station.health import ask_status

    status = ask_status(config.station.data)
    if as_json:
        emit_json(status)
        return
    for line in status_lines(status):
        print(plain(line))
    print()
    _instruments(status["instruments"])


def status_lines(status: dict[str, Any]) -> Iterator[str]:
    """All but the table of instruments, a fact a line."""
    attention = list(_attention(status))
    yield from (f"attention {line}" for line in attention)
    if not attention:
        yield "good      nothing needs attention"
    running = _span(status["running_s"])
    yield f"station   {status['station'] or 'without a name'}, running for {running}"
    yield _clock(status)
    yield _journal(status["journal"])
    yield from (_sink(name, sink, status["utc_us"]) for name, sink in status["sinks"].items())


# --- what needs somebody ---


def _attention(status: dict[str, Any]) -> Iterator[str]:
    journal, time = status["journal"], status["time"]
    if journal["error"]:
        yield f"the journal takes no readings: {journal['error']}"
    for name, one in status["instruments"].items():
        if one["state"] == "lost":
            yield f"{name} is lost, {_open_hole(one, status['utc_us'])}: {one['error']}"
        else:
            yield from (
                f"{hole.get('node', name)} misses readings, {_hole(hole, status['utc_us'])}"
                for hole in one["holes"]
            )
    for name, sink in status["sinks"].items():
        if sink["error"]:
            yield f"{name}: {sink['error']}"
        if sink["quarantined"]:
            yield f"{name} refused {_count(sink['quarantined'], 'reading')}"
    if not time["source"]:
        yield "the clock is not trusted yet; readings are kept and dated later"
    if abs(time["drift_ppm"]) > 100:
        yield f"the clock drifts by {time['drift_ppm']:+.0f} ppm"
    if journal["disk_free_bytes"] < LITTLE_ROOM_BYTES:
        yield f"only {_bytes(journal['disk_free_bytes'])} are free on the disk"
    if journal["set_aside"]:
        yield f"a damaged journal was put aside: {', '.join(journal['set_aside'])}"


def _open_hole(one: dict[str, Any], now_us: int) -> str:
    whole = [hole for hole in one["holes"] if not hole["layout"]]
    return _hole(whole[0], now_us) if whole else one["cause"]


def _hole(hole: dict[str, Any], now_us: int) -> str:
    since_us = hole["since_utc_us"]
    missing = _count(hole["count"], "reading")
    layout = f" of {hole['layout']}" if hole["layout"] else ""
    ago = _span((now_us - since_us) / 1e6) if now_us >= since_us else "an unknown time"
    return f"{hole['cause']} since {time_text(since_us)} ({ago}, {missing}{layout})"


# --- the rest ---


def _clock(status: dict[str, Any]) -> str:
    time = status["time"]
    words = {"system": "trusted", "hub": "not trusted, dated by the hub", "": "not trusted"}
    trust = words[time["source"]]
    if time["source"] == "system" and not time["trusted"]:
        trust = "trusted earlier, not disciplined now"
    parts = [trust, f"drift {time['drift_ppm']:+.0f} ppm"]
    if time["jumps"]:
        jump = f"{time['last_jump_s']:+.1f} s at {time_text(time['last_jump_utc_us'])}"
        parts.append(f"{_count(time['jumps'], 'jump')}, the last by {jump}")
    return f"clock     {'; '.join(parts)}"


def _journal(journal: dict[str, Any]) -> str:
    text = (
        f"journal   {_count(journal['last_sequence'], 'reading')} kept so far,"
        f" {_bytes(journal['size_bytes'])}, {_bytes(journal['disk_free_bytes'])} free"
    )
    return text + (f", {journal['waiting']} wait for the disk" if journal["waiting"] else "")


def _sink(name: str, sink: dict[str, Any], now_us: int) -> str:
    parts = [f"{_count(sink['backlog'], 'reading')} wait"]
    if sink["oldest_utc_us"] and sink["backlog"] and now_us > sink["oldest_utc_us"]:
        parts[0] += f", the oldest for {_span((now_us - sink['oldest_utc_us']) / 1e6)}"
    if sink["drains_in_s"] is not None and sink["drains_in_s"] >= 60:
        parts.append(f"all gone in about {_span(sink['drains_in_s'])}")
    spent = _bytes(sink["bytes_today"])
    limit = f" of {_bytes(sink['bytes_per_day'])}" if sink["bytes_per_day"] else ""
    parts += [f"{_count(sink['batches'], 'batch', 'es')} delivered", f"{spent}{limit} today"]
    if sink["goes_on_utc_us"]:
        parts.append(f"today's bytes are spent, goes on at {time_text(sink['goes_on_utc_us'])}")
    return f"{name:<9} {'; '.join(parts)}"


def _instruments(instruments: dict[str, dict[str, Any]]) -> None:
    rows = []
    for name, one in instruments.items():
        last = one.get("last_utc_us") or 0
        missed = sum(one["missed"].values())
        causes = ", ".join(f"{cause} {count}" for cause, count in one["missed"].items() if count)
        rows.append(
            (
                name,
                str(one["state"]),
                time_text(last) if last else "never",
                str(one["due"]),
                f"{missed} ({causes})" if missed else "0",
            )
        )
    emit_table(("instrument", "state", "last reading", "due", "missed"), rows)


# --- words ---


def _count(count: int, noun: str, plural: str = "s") -> str:
    return f"{count} {noun}{'' if count == 1 else plural}"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _bytes(count: int) -> str:
    for size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
