"""The pictures that fit each instrument, in a real browser: cells, sizes, energy, states, cards.
The history comes from the instruments' twins through their own drivers.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from fieldstation.cli import rehearsal, stage
from fieldstation.cli.orders import Orders
from fieldstation.cli.past import Asked, batches, boot_of
from fieldstation.instruments import registry

pytestmark = pytest.mark.slow

STATES = re.compile(r"/states\?channels=charge_state&")
SIZES = ((1280, 900, 3), (390, 844, 1))
WEEKS = 0.15


@pytest.fixture(scope="module", autouse=True)
def site(roof: Any) -> None:
    """One of every instrument beside the roof's inverter; the second inverter is `house`."""
    past = rehearsal.span(WEEKS, int(time.time()))
    boot = boot_of(past, "roof")
    scripts = [
        Asked("house" if one.kind == "axpert" else one.name, one.twin, one.driver, past, boot)
        for one in stage.cast(7, Orders())
    ]
    rehearsal.bring(roof.url, roof.key, batches(scripts, past, boot))


def page_of(visit: Any, name: str, query: str = "") -> Any:
    """The page of an instrument, its pictures and its plot drawn."""
    visit.page.goto(f"{visit.base}/instruments/greenhouse-roof/{name}{query}")
    visit.drawn()
    return visit.page


def latest(visit: Any, name: str) -> dict[str, Any]:
    at = f"{visit.base}/api/v1/instruments/greenhouse-roof/{name}/latest"
    values: dict[str, Any] = visit.page.request.get(at).json()["values"]
    return values


def colours(page: Any, selector: str, across: str) -> int:
    """How many colours lie on a line through a canvas, `across` as a function of its height."""
    found: int = page.evaluate(
        f"""() => {{
          const canvas = document.querySelector("{selector}");
          const ctx = canvas.getContext("2d");
          const row = ctx.getImageData(0, ({across})(canvas.height), canvas.width, 1).data;
          const seen = new Set();
          for (let i = 0; i < row.length; i += 4) seen.add(row.slice(i, i + 3).join());
          return seen.size;
        }}"""
    )
    return found


def test_cells_stand_side_by_side_with_lowest_and_highest_marked(visit: Any) -> None:
    page = page_of(visit, "battery")
    cells = page.locator("figure[data-form=bars]", has_text="Cell voltage")
    values = [v for k, v in latest(visit, "battery").items() if re.fullmatch(r"cell_voltage_\d", k)]
    assert cells.locator("rect.bar").count() == len(values) == 8
    assert min(values) < max(values)
    assert cells.locator("text.mark.low").text_content() == f"{min(values):.2f}"
    assert cells.locator("text.mark.high").text_content() == f"{max(values):.2f}"
    assert f"{max(values) - min(values):.2f} V apart" in cells.locator("figcaption").inner_text()
    assert page.locator("figure[data-form=bars]", has_text="temperature (°C)").count() == 1


def test_what_has_no_value_has_no_unit_either(visit: Any) -> None:
    page = page_of(visit, "roof")
    rows = page.locator("#table-title ~ .groups tr")
    missing, told = (rows.filter(has_text=name) for name in ("T1 minus T2", "Temperature T1"))
    assert missing.locator(".num").inner_text() == "–"
    assert not missing.locator(".unit").is_visible()
    assert told.locator(".unit").is_visible()


def test_particles_are_a_histogram_and_a_map(visit: Any) -> None:
    page = page_of(visit, "air")
    sizes = page.locator("figure[data-form=histogram]")
    bins = [v for k, v in latest(visit, "air").items() if k.endswith("_concentration")
            and k.startswith("bin_")]  # fmt: skip
    assert len(bins) == 24
    assert sizes.locator("rect.bar").count() == sum(value > 0 for value in bins)
    marks = sizes.locator("text.mark").all_text_contents()
    assert marks[0] == "0.35"
    assert marks[-1] == "size in µm"
    page.locator("figure[data-form=sizemap] .ramp").wait_for()
    smallest = colours(page, "figure[data-form=sizemap] canvas", "(h) => h - 40 * devicePixelRatio")
    assert smallest > 10


def test_the_map_follows_the_range_of_the_plot(visit: Any) -> None:
    page = page_of(visit, "air")

    def of_an_hour(answer: Any) -> bool:
        # The page may still be loading its first range.
        return "/buckets?channels=bin_0" in answer.url and answer.json()["span_s"] <= 60

    with page.expect_response(of_an_hour):
        page.get_by_role("button", name="1 h").click()


def test_energy_flows_as_the_newest_values_say(visit: Any, roof: Any) -> None:
    page = page_of(visit, "house")
    values = latest(visit, "house")
    load = page.locator("figure[data-form=flow] g.at", has_text="Load")
    assert load.locator(".watts").text_content() == f"{values['ac_output_active_power']:,.0f} W"
    page = page_of(visit, "charger")
    words = page.locator("figure[data-form=flow] figcaption")
    assert re.match(r"Sun [\d,]+ W · Battery [\d,]+ W", words.inner_text())
    assert "Grid" not in words.inner_text()


def test_energy_turns_round_live(visit: Any, roof: Any) -> None:
    page = page_of(visit, "inverter", "?channels=battery_voltage&range=1h")
    battery = page.locator("figure[data-form=flow] g[data-side=battery]")
    for pv, current, way, words in (
        (2000, 20.0, "out", "Battery 1,040 W, charging"),
        (0, -10.0, "in", "Battery 520 W, discharging"),
    ):
        row = [pv, 110.2, 18.8, 400, 420, 9, 52.0, current, 83, 230.0, 50.0, 231.0, 50.0, 31.5,
               381, 2, True, True, 6.25, "U1 72.40"]  # fmt: skip
        roof.send([(time.time_ns() // 1000, tuple(row))])
        page.locator("figure[data-form=flow] figcaption", has_text=words).wait_for()
        assert battery.get_attribute("data-way") == way


def test_states_are_coloured_spans_with_their_labels(visit: Any) -> None:
    with visit.page.expect_response(STATES) as answer:
        page = page_of(visit, "charger")
    [told] = answer.value.json()["channels"]
    assert told["channel"] == "charge_state"
    assert len(set(told["value"])) > 1
    chip = page.locator("#readout li", has_text="Charge state").locator(".reading")
    codes = {
        c.name: c.codes for layout in registry.layouts("tristar_mppt") for c in layout.channels
    }
    label = codes["charge_state"][told["value"][-1]].replace("_", " ")
    assert chip.inner_text() == label
    # The lane of the only state is the topmost part of the plot.
    lane = "(h) => Math.round((16 + 19 + 3) * devicePixelRatio)"
    assert colours(page, "#plot canvas", lane) > len(set(told["value"]))


def test_states_alone_are_a_plot_that_zooms(visit: Any) -> None:
    page = page_of(visit, "roof", "?channels=input_1_state,hold&range=24h")
    assert page.locator("#plot").bounding_box()["height"] < 220
    page.locator("#plot").focus()
    with page.expect_response(re.compile(r"/states\?channels=input_1_state%2Chold&")) as answer:
        page.keyboard.press("+")
    assert answer.value.json()["channels"][0]["n"] > 0
    chips = page.locator("#readout .reading").all_inner_texts()
    assert chips == ["measuring", "off"]


def test_lamps_say_what_is_on_and_how_many(visit: Any) -> None:
    page = page_of(visit, "battery")
    values = latest(visit, "battery")
    for group in ("protection", "pin", "input", "output"):
        mine = {k: v for k, v in values.items() if k.startswith(f"{group}_")}
        flags = [v for v in mine.values() if isinstance(v, bool)]
        box = page.locator(".lamps", has=page.get_by_role("heading", name=re.compile(group, re.I)))
        assert box.locator(".lamp").count() == len(flags)
        words = box.locator("h3").inner_text().split(maxsplit=1)[1]
        assert words == f"{sum(flags)} of {len(flags)} on"
        assert box.locator("[data-lit=on]").count() == sum(flags)


def test_lamps_and_changes_follow_live(visit: Any, roof: Any) -> None:
    page = page_of(visit, "inverter", "?range=1h")
    lamp = page.locator("[data-lamp=charging]")
    for charging in (True, False):
        row = [0, 110.2, 18.8, 400, 420, 9, 52.0, 1.0, 83, 230.0, 50.0, 231.0, 50.0, 31.5,
               381, 2, charging, True, 6.25, "U1 72.40"]  # fmt: skip
        roof.send([(time.time_ns() // 1000, tuple(row))])
        word = "on" if charging else "off"
        page.locator(f"[data-lamp=charging][data-lit={word}]").wait_for()
        assert lamp.locator(".lit").inner_text() == word
    newest = page.locator("#changes .changes > li").first
    newest.locator("li", has_text="Charging: off").wait_for()
    assert page.locator("#changes li li").count() == 20
    times = page.locator("#changes time").evaluate_all("all => all.map((one) => one.dateTime)")
    assert times == sorted(times, reverse=True)


def test_a_lamp_by_keyboard_shows_its_history(visit: Any) -> None:
    page = page_of(visit, "inverter")
    page.locator("[data-lamp=load_on] button").focus()
    page.keyboard.press("Enter")
    page.locator("#readout li", has_text="Load switched on").wait_for()


def test_a_stage_is_drawn_day_by_day_with_its_hours(visit: Any) -> None:
    page = page_of(visit, "charger")
    section = page.locator("[data-timeline=charge_state]")
    section.locator(".day svg rect").first.wait_for()
    assert section.locator(".day svg").count() == 7
    rows = section.locator(".totals tbody tr").all_inner_texts()
    names = [row.split("\t")[0].strip() for row in rows]
    assert "night" in names
    assert len(set(names)) == len(names)


def test_today_and_settings_have_their_units(visit: Any) -> None:
    page = page_of(visit, "charger")
    today = page.get_by_role("region", name="Today")
    energy = today.locator("tr", has_text="Energy today").locator("td")
    assert energy.inner_text() == f"{latest(visit, 'charger')['daily_charge_wh']} Wh"
    settings = page.get_by_role("region", name="Settings")
    assert not settings.locator("table").is_visible()
    settings.locator("summary").focus()
    page.keyboard.press("Enter")
    floating = settings.locator("tr", has_text="float_voltage").locator("td").first
    assert floating.inner_text().endswith(" V")


def test_every_thermocouple_has_its_curve(visit: Any) -> None:
    page = page_of(visit, "roof")
    tiles = page.locator(".tiles > div", has_text="Temperature T")
    assert tiles.count() == 4
    for tile in tiles.all():
        tile.locator("path.mean").wait_for(state="attached")


@pytest.mark.parametrize(("width", "height", "columns"), SIZES)
def test_the_dashboard_is_scannable_and_pages_fit(
    visits: Any, tmp_path: Path, width: int, height: int, columns: int
) -> None:
    visit = visits(viewport={"width": width, "height": height})
    visit.sign_in()
    cards = visit.page.locator(".card")
    assert cards.count() == 9
    assert len({round(card.bounding_box()["x"]) for card in cards.all()}) == columns
    words = visit.page.locator("#cards").inner_text()
    for kind in ("axpert", "opc_n3", "se521", "emus_bms"):
        assert registry.title(kind) in words
        assert kind not in words
    for card in cards.all():
        assert 1 <= card.locator("dd").count() <= 4
        card.scroll_into_view_if_needed()  # curves come when they are looked at
        card.locator("svg.spark path.mean").wait_for(state="attached")
    visit.page.evaluate("scrollTo(0, 0)")
    fits(visit.page, tmp_path / f"dashboard-{width}.png", width)
    for name in ("battery", "air", "house", "charger", "roof", "climate"):
        page_of(visit, name)
        fits(visit.page, tmp_path / f"{name}-{width}.png", width)


def fits(page: Any, picture: Path, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=picture)
