"""What `status` says to a person."""

from __future__ import annotations

from typing import Any

from fieldstation.cli.health import status_lines

NOW_US = 1_779_969_600_000_000


def _instrument(**changes: Any) -> dict[str, Any]:
    one = {"state": "good", "cause": "", "error": "", "holes": [], "missed": {}, "due": 9}
    return one | changes


def _status(**changes: Any) -> dict[str, Any]:
    return {
        "station": "roof",
        "utc_us": NOW_US,
        "running_s": 7300.0,
        "time": {
            "trusted": True, "source": "system", "jumps": 0, "last_jump_s": 0.0,
            "last_jump_utc_us": 0, "drift_ppm": 0.0,
        },
        "instruments": {"inverter": _instrument()},
        "journal": {
            "last_sequence": 1, "size_bytes": 2_500_000, "disk_free_bytes": 9_000_000_000,
            "waiting": 0, "error": "", "set_aside": [],
        },
        "sinks": {},
    } | changes  # fmt: skip


def _sink(**changes: Any) -> dict[str, Any]:
    return {
        "backlog": 0, "oldest_utc_us": 0, "drains_in_s": None, "bytes_today": 4200,
        "bytes_per_day": 0, "goes_on_utc_us": 0, "batches": 1, "quarantined": 0, "error": "",
    } | changes  # fmt: skip


def test_a_station_that_is_well_says_so_first() -> None:
    assert list(status_lines(_status(sinks={"hub": _sink()}))) == [
        "good      nothing needs attention",
        "station   roof, running for 2 h",
        "clock     trusted; drift +0 ppm",
        "journal   1 reading kept so far, 2.5 MB, 9.0 GB free",
        "hub       0 readings wait; 1 batch delivered; 4.2 kB today",
    ]


def test_what_needs_attention_comes_first_with_its_cause_and_since() -> None:
    hole = {
        "layout": "", "cause": "unplugged", "since_utc_us": NOW_US - 3600_000_000, "count": 360
    }  # fmt: skip
    lost = _instrument(state="lost", cause="unplugged", error="no such port", holes=[hole])
    seldom = _instrument(holes=[hole | {"layout": "ratings", "count": 1, "cause": "silent"}])
    found = _status(
        instruments={"inverter": lost, "meter": seldom},
        sinks={"hub": _sink(error="the hub cannot be reached", quarantined=1)},
    )
    lines = [line for line in status_lines(found) if line.startswith("attention")]
    assert lines == [
        "attention inverter is lost, unplugged since 2026-05-28T11:00:00.000Z (60 min,"
        " 360 readings): no such port",
        "attention meter misses readings, silent since 2026-05-28T11:00:00.000Z (60 min,"
        " 1 reading of ratings)",
        "attention hub: the hub cannot be reached",
        "attention hub refused 1 reading",
    ]


def test_a_clock_that_nobody_trusts_is_said_with_its_jumps() -> None:
    time = {
        "trusted": False, "source": "", "jumps": 2, "last_jump_s": -3600.0,
        "last_jump_utc_us": NOW_US, "drift_ppm": 150.0,
    }  # fmt: skip
    lines = list(status_lines(_status(time=time)))
    assert lines[0] == "attention the clock is not trusted yet; readings are kept and dated later"
    assert lines[1] == "attention the clock drifts by +150 ppm"
    assert lines[3] == (
        "clock     not trusted; drift +150 ppm; 2 jumps, the last by -3600.0 s at"
        " 2026-05-28T12:00:00.000Z"
    )
    by_hub = list(status_lines(_status(time=time | {"source": "hub", "drift_ppm": 0.0})))
    assert by_hub[2].startswith("clock     not trusted, dated by the hub;")
    lost = list(status_lines(_status(time=time | {"source": "system", "drift_ppm": 0.0})))
    assert lost[2].startswith("clock     trusted earlier, not disciplined now;")


def test_a_backlog_tells_its_age_and_how_long_it_will_take() -> None:
    sink = _sink(
        backlog=50_000, oldest_utc_us=NOW_US - 3 * 86_400_000_000, drains_in_s=620.0,
        bytes_per_day=5_000_000, bytes_today=5_000_000, goes_on_utc_us=NOW_US + 1_000_000,
    )  # fmt: skip
    assert list(status_lines(_status(sinks={"hub": sink})))[-1] == (
        "hub       50000 readings wait, the oldest for 3 d; all gone in about 10 min; 1 batch"
        " delivered; 5.0 MB of 5.0 MB today; today's bytes are spent, goes on at"
        " 2026-05-28T12:00:01.000Z"
    )
