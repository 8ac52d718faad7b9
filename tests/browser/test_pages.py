"""The pages in a real browser: live values, the plot and its history, small screens, dark mode."""

from __future__ import annotations

import itertools
import re
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

# The plot's, not those of the small curves.
BUCKETS = re.compile(r"/buckets\?(?!.*points=145)")
SCHEMES = ("light", "dark")
SIZES = ((1280, 900), (390, 844))


def now_row(load: int) -> list[tuple[int, tuple[Any, ...]]]:
    row = [2100, 110.2, 18.8, load, load, 9, 53.1, 12.5, 83, 230.0, 50.0, 231.0, 50.0, 31.5,
           381, 2, True, True, 6.25, "U1 72.40"]  # fmt: skip
    return [(time.time_ns() // 1000, tuple(row))]


def curve_box(page: Any) -> dict[str, float]:
    area = page.locator("#plot .u-over")
    area.scroll_into_view_if_needed()
    box: dict[str, float] = area.bounding_box()
    return box


def span_after(visit: Any, act: Any) -> int:
    """The span in seconds of the buckets that `act` makes the page fetch."""
    with visit.page.expect_response(BUCKETS) as answer:
        act()
    visit.drawn()
    span: int = answer.value.json()["span_s"]
    return span


def test_a_live_value_changes_on_the_dashboard_and_on_the_page(visit: Any, roof: Any) -> None:
    card = visit.page.locator(".card", has_text="inverter")
    cell = card.locator("[data-channel=load_power]")
    for load in (1234, 1777):
        roof.send(now_row(load))
        cell.filter(has_text=str(load)).wait_for()
    assert card.locator("[data-badge]").inner_text() == "fresh"
    visit.open()
    roof.send(now_row(2345))
    tile = visit.page.locator(".tiles [data-channel=load_power]")
    tile.filter(has_text="2345").wait_for()


def test_dashboard_draws_the_last_day_as_a_small_curve(visit: Any) -> None:
    curve = visit.page.locator("svg.spark path.mean")
    curve.wait_for(state="attached")
    assert curve.get_attribute("d").count("L") > 100


def test_a_drag_fetches_finer_buckets_and_back_returns(visit: Any) -> None:
    visit.open("?channels=battery_voltage&range=30d")
    wide = visit.page.url

    def drag() -> None:
        box = curve_box(visit.page)
        mouse, y = visit.page.mouse, box["y"] + box["height"] / 2
        mouse.move(box["x"] + 0.80 * box["width"], y)
        mouse.down()
        mouse.move(box["x"] + 0.85 * box["width"], y, steps=4)
        mouse.up()

    coarse = span_after(visit, visit.page.reload)
    fine = span_after(visit, drag)
    assert fine <= coarse / 10
    assert "from=" in visit.page.url
    assert span_after(visit, visit.page.go_back) == coarse
    assert visit.page.url == wide
    assert span_after(visit, visit.page.go_forward) == fine


def test_the_keyboard_zooms_and_moves(visit: Any) -> None:
    visit.open("?channels=battery_voltage&range=7d")
    visit.page.locator("#plot").focus()
    coarse = span_after(visit, lambda: visit.page.keyboard.press("-"))
    fine = span_after(visit, lambda: visit.page.keyboard.press("+"))
    finer = span_after(visit, lambda: visit.page.keyboard.press("+"))
    assert coarse > fine > finer
    before = visit.page.url
    span_after(visit, lambda: visit.page.keyboard.press("ArrowLeft"))
    assert visit.page.url != before
    span_after(visit, lambda: visit.page.keyboard.press("Home"))
    assert "range=24h" in visit.page.url


def test_two_fingers_pinch(visits: Any) -> None:
    visit = visits(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    visit.sign_in()
    visit.open("?channels=battery_voltage&range=7d")
    visit.page.locator("#plot").scroll_into_view_if_needed()
    box = curve_box(visit.page)
    line = visit.page.context.new_cdp_session(visit.page)

    def touch(kind: str, *places: float) -> None:
        points = [{"x": box["x"] + p * box["width"], "y": box["y"] + 90} for p in places]
        line.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def pinch() -> None:
        touch("touchStart", 0.4, 0.6)
        touch("touchMove", 0.3, 0.7)
        touch("touchMove", 0.1, 0.9)
        touch("touchEnd")

    coarse = span_after(visit, visit.page.reload)
    visit.page.locator("#plot").scroll_into_view_if_needed()
    box = curve_box(visit.page)
    assert span_after(visit, pinch) < coarse


def test_a_spike_survives_at_every_range(visit: Any, roof: Any) -> None:
    row = list(now_row(900)[0][1])
    row[3] = 30_000
    roof.send([(time.time_ns() // 1000 - 3 * 86_400_000_000, tuple(row))])
    for length in ("7d", "30d", "1y"):
        visit.page.goto("about:blank")
        with visit.page.expect_response(BUCKETS) as answer:
            visit.open(f"?channels=load_power&range={length}")
        assert max(answer.value.json()["channels"][0]["max"]) == 30_000


def test_a_third_unit_is_refused_with_a_sentence(visit: Any) -> None:
    visit.open("?channels=battery_voltage,load_power&range=24h")
    visit.page.locator("#picker summary").click()
    visit.page.locator("#search").fill("temperature")
    visit.page.get_by_label("Heat sink temperature").click()
    problem = visit.page.locator("#plot-problem")
    assert problem.inner_text().startswith("There is room for two units only.")
    assert not visit.page.get_by_label("Heat sink temperature").is_checked()
    assert "heat_sink_temperature" not in visit.page.url


def test_the_picker_finds_adds_and_removes_channels(visit: Any) -> None:
    visit.open("?channels=battery_voltage&range=24h")
    visit.page.locator("#picker summary").click()
    visit.page.locator("#search").fill("zzz")
    visit.page.get_by_text("No channel has this in its name.").wait_for()
    visit.page.locator("#search").fill("bus")
    span_after(visit, lambda: visit.page.get_by_label("Bus voltage").check())
    assert "channels=battery_voltage%2Cbus_voltage" in visit.page.url
    visit.page.keyboard.press("Escape")
    span_after(visit, lambda: visit.page.get_by_label("Remove Battery voltage").click())
    assert "channels=bus_voltage" in visit.page.url


def test_states_are_drawn_and_read_out_with_their_labels(visit: Any) -> None:
    visit.open("?channels=mode,charging&range=24h")
    chips = visit.page.locator("#readout li").all_inner_texts()
    assert re.search(r"Operating mode\s+(Line|Battery)", chips[0])
    assert re.search(r"Charging\s+(on|off)", chips[1])


def test_the_cursor_reads_out_value_spread_and_local_time(visit: Any) -> None:
    visit.open("?channels=battery_voltage&range=7d")
    box = curve_box(visit.page)
    visit.page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60)
    text = visit.page.locator("#readout").inner_text()
    assert re.search(r"\d\d\.\d\d V\s+\d\d\.\d\d … \d\d\.\d\d", text)
    assert re.search(r"\d{1,2} \w+ 20\d\d, \d\d:\d\d:\d\d", text)


def test_csv_holds_exactly_the_view(visit: Any, tmp_path: Path) -> None:
    visit.open("?channels=battery_voltage,load_power&from=2020-01-01T00:00:00Z"
               "&to=2100-01-01T00:00:00Z")  # fmt: skip
    with visit.page.expect_download() as download:
        visit.page.get_by_role("link", name="CSV").click()
    path = tmp_path / "view.csv"
    download.value.save_as(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["time,battery_voltage,load_power", "UTC,V,W"]
    assert len(lines) > 29_000
    assert download.value.suggested_filename.startswith("greenhouse-roof_inverter_2020-01-01")


def test_a_custom_range_is_shown_and_a_senseless_one_refused(visit: Any) -> None:
    visit.open("?channels=battery_voltage&range=7d")
    visit.page.locator("#custom summary").click()
    first, second = (visit.page.locator(f"#{name}").input_value() for name in ("from", "to"))
    visit.page.locator("#from").fill(second)
    visit.page.locator("#to").fill(first)
    visit.page.get_by_role("button", name="Show").click()
    assert "has to lie before" in visit.page.locator("#plot-problem").inner_text()
    visit.page.locator("#from").fill(first)
    visit.page.locator("#to").fill(second)
    span_after(visit, lambda: visit.page.get_by_role("button", name="Show").click())
    assert "from=" in visit.page.url


def test_age_ticks_and_the_badge_turns_late_then_lost(visits: Any, roof: Any) -> None:
    visit = visits(viewport={"width": 1280, "height": 900})
    visit.page.clock.install()
    visit.sign_in()
    roof.send(now_row(500))
    card = visit.page.locator(".card", has_text="inverter")
    card.locator("[data-channel=load_power]", has_text="500").wait_for()
    badge = card.locator("[data-badge]")
    assert badge.inner_text() == "fresh"
    visit.page.clock.run_for(200_000)
    assert badge.inner_text() == "late"
    assert re.fullmatch(r"3 min ago", card.locator("[data-age]").inner_text())
    visit.page.clock.run_for(600_000)
    assert badge.inner_text() == "lost"
    assert visit.page.locator("#summary").inner_text() == "1 lost"


def test_gaps_stay_open_and_lonely_values_are_marked(visit: Any) -> None:
    root = visit.page.locator("link[rel=stylesheet]").first.get_attribute("href")
    module = root.replace("base.css", "gaps.js")
    answer = visit.page.evaluate(
        """async (module) => {
          const { reach, withGaps, lonely } = await import(module);
          const starts = [0, 10, 20, 60, 100, 110];
          const longest = reach(starts, 10, 10);
          const table = withGaps(starts, [[1, 2, 3, 4, 5, 6]], longest);
          return [longest, table[1], lonely(table[1]), lonely([undefined, 5, undefined])];
        }""",
        module,
    )
    assert answer == [20, [1, 2, 3, None, 4, None, 5, 6], [4], [1]]


@pytest.mark.parametrize(("scheme", "size"), list(itertools.product(SCHEMES, SIZES)))
def test_pages_fit_and_are_pictured(
    visits: Any, tmp_path: Path, scheme: str, size: tuple[int, int]
) -> None:
    width, height = size
    visit = visits(viewport={"width": width, "height": height}, color_scheme=scheme)
    visit.page.goto(f"{visit.base}/login")
    fits(visit.page, tmp_path / f"login-{scheme}-{width}.png", width)
    visit.sign_in()
    visit.page.locator("svg.spark path.mean").wait_for(state="attached")
    fits(visit.page, tmp_path / f"dashboard-{scheme}-{width}.png", width)
    visit.open("?channels=pv_power,load_power,battery_voltage&range=7d")
    fits(visit.page, tmp_path / f"instrument-{scheme}-{width}.png", width)
    visit.page.locator("#picker summary").click()
    fits(visit.page, tmp_path / f"picker-{scheme}-{width}.png", width)
    visit.page.keyboard.press("Escape")
    visit.page.locator("#custom summary").click()
    fits(visit.page, tmp_path / f"custom-{scheme}-{width}.png", width)
    visit.page.goto(f"{visit.base}/instruments/nowhere/nothing")
    fits(visit.page, tmp_path / f"missing-{scheme}-{width}.png", width)
    visit.faults[:] = [fault for fault in visit.faults if "404" not in fault]


def fits(page: Any, picture: Path, width: int) -> None:
    """No horizontal scroll; the picture is for the person who looks after the tests."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=picture)
    assert picture.stat().st_size > 5_000


@pytest.mark.parametrize("scheme", SCHEMES)
def test_texts_stand_out_from_their_ground(visits: Any, scheme: str) -> None:
    visit = visits(color_scheme=scheme)
    visit.page.goto(f"{visit.base}/login")
    pairs = [("text", "ground"), ("text", "surface"), ("muted", "ground"), ("muted", "surface"),
             ("accent", "surface"), ("accent", "ground"), ("on-accent", "accent"),
             ("fresh", "fresh-soft"), ("late", "late-soft"), ("lost", "lost-soft")]  # fmt: skip
    for ink, ground in pairs:
        colours = [colour(visit.page, name) for name in (ink, ground)]
        assert contrast(*colours) >= 4.5, f"{ink} on {ground}"


def colour(page: Any, name: str) -> list[int]:
    text = page.evaluate(
        "(n) => { const p = document.createElement('p'); document.body.append(p);"
        " p.style.color = `var(--${n})`; const c = getComputedStyle(p).color; p.remove();"
        " return c; }",
        name,
    )
    return [int(part) for part in re.findall(r"\d+", text)[:3]]


def contrast(one: list[int], other: list[int]) -> float:
    """WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(rgb: list[int]) -> float:
        parts = [c / 255 for c in rgb]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_everything_can_be_reached_by_keyboard(visit: Any) -> None:
    visit.open("?channels=battery_voltage&range=24h")
    seen = set()
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        seen.add(visit.page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"plot", "csv", "zoom-out", "SUMMARY", "BUTTON"} <= seen


def test_a_range_without_readings_says_so(visit: Any) -> None:
    query = "?channels=battery_voltage&from=2001-01-01T00:00:00Z&to=2002-01-01T00:00:00Z"
    visit.page.goto(f"{visit.base}/instruments/greenhouse-roof/inverter{query}")
    visit.page.get_by_text("There are no readings in this range.").wait_for()
