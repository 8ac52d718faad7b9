"""Pictures to order in a real browser: drawn, saved, shared, arranged, hung on a wall."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

pytestmark = pytest.mark.slow

SIZES = ((1280, 900), (390, 844))
PLACE = "greenhouse-roof/inverter"


def order(*channels: str, **options: str) -> str:
    curves = [("curve", f"{PLACE}:{channel}") for channel in channels]
    return "/plots?" + urlencode(curves + list(options.items()))


def opened(visit: Any, path: str) -> Any:
    visit.page.goto(visit.base + path)
    visit.page.locator("[data-status]", has_text="readings").wait_for()
    return visit.page


def test_a_person_orders_saves_and_shares_a_picture(visit: Any, visits: Any) -> None:
    page = visit.page
    page.get_by_role("link", name="Plots", exact=True).click()
    page.get_by_label("Search channels").fill("solar pow")
    page.locator("#choose .choice:visible input").first.check()
    page.get_by_label("Title", exact=True).fill("The sun")
    page.get_by_label("From", exact=True).fill("-7d")
    page.get_by_role("button", name="Draw").click()
    page.locator("[data-status]", has_text="readings").wait_for()
    assert "end=" not in page.url  # what stands at its default is left out
    assert page.get_by_role("row", name="Solar power").locator("td").first.inner_text() != "0"
    page.get_by_role("button", name="Save").click()
    page.get_by_role("navigation", name="Saved plots").get_by_role(
        "link", name="The sun"
    ).wait_for()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Link to the page").input_value()
    stranger = visits(viewport={"width": 390, "height": 844})
    stranger.page.goto(link)
    stranger.page.locator("[data-status]", has_text="readings").wait_for()
    assert stranger.page.get_by_role("heading", name="The sun").is_visible()


@pytest.mark.parametrize("style", ["fieldstation", "dark_background", "ggplot"])
def test_every_option_of_the_form_is_drawn(visit: Any, style: str, tmp_path: Path) -> None:
    options = {
        "style": style,
        "marker": "^",
        "logarithmic_scale": "1",
        "date_format": "%d.%m. %H:%M",
        "xlabel": "when",
        "ylabel": "how much",
        "compare": "1d",
        "tight_layout": "1",
    }
    page = opened(visit, order("load_power", "battery_voltage", "mode", **options))
    assert page.locator(".readout li").count() == 5
    ground = page.locator("[data-plot]").evaluate("node => node.style.background")
    assert bool(ground) == (style != "fieldstation")


def test_days_and_notes_stand_below_the_drawing(visit: Any) -> None:
    page = opened(visit, order("pv_power", start="-3d"))
    page.get_by_role("button", name="Day by day").click()
    rows = page.locator("#days tbody tr")
    rows.first.wait_for()
    assert rows.count() in (4, 5)
    page.get_by_text("Add a note").click()
    page.get_by_label("Words").fill("Cleaned the panels")
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator("#notes", has_text="Cleaned the panels").wait_for()
    page.get_by_role("button", name="Remove the note Cleaned the panels").click()
    page.locator("#notes").wait_for(state="hidden")


def test_a_drag_zooms_and_back_returns(visit: Any) -> None:
    page = opened(visit, order("pv_power"))
    box = page.locator("[data-plot] .u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
    with page.expect_response(lambda answer: "data.json" in answer.url):
        page.mouse.up()
    assert "start=" in page.url
    assert page.locator("#start").input_value() != "-24h"
    with page.expect_response(lambda answer: "data.json" in answer.url):
        page.go_back()
    assert page.locator("#start").input_value() == "-24h"


def saved(visit: Any, *titles: str) -> None:
    for title in titles:
        page = opened(visit, order("pv_power", title=title))
        page.get_by_role("button", name="Save").click()
        page.get_by_role("navigation", name="Saved plots").get_by_text(title).first.wait_for()


def names(page: Any) -> list[str]:
    found: list[str] = page.locator(".tile h2").all_inner_texts()
    return found


def test_a_dashboard_is_arranged_by_keyboard_and_drag(visit: Any) -> None:
    saved(visit, "Alpha", "Beta")
    page = visit.page
    page.goto(f"{visit.base}/dashboards?list")
    page.get_by_label("Name").fill("Roof")
    page.get_by_role("button", name="New dashboard").click()
    for title in ("Alpha", "Beta"):
        page.get_by_label("Add a plot").select_option(label=title)
        page.locator(".tile", has_text=title).locator(".u-over").wait_for()
    assert names(page) == ["Alpha", "Beta"]
    page.locator(".grip").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    with page.expect_response(lambda answer: "arrange" in answer.url):
        page.keyboard.press("Enter")
    assert names(page) == ["Beta", "Alpha"]
    grip, target = (
        page.locator(".grip").nth(1).bounding_box(),
        page.locator(".tile").first.bounding_box(),
    )
    page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(target["x"] + 20, target["y"] + 20, steps=5)
    with page.expect_response(lambda answer: "arrange" in answer.url):
        page.mouse.up()
    assert names(page) == ["Alpha", "Beta"]
    page.locator(".tile").first.get_by_role("button", name="Wider").click()
    page.locator(".tile.wide-3").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.locator(".tile.wide-3").wait_for(state="detached")
    page.reload()
    page.locator(".tile .u-over").first.wait_for()
    assert names(page) == ["Alpha", "Beta"]


def dashboard(visit: Any, name: str, *titles: str) -> Any:
    """A new dashboard with these plots, drawn."""
    page = visit.page
    page.goto(f"{visit.base}/dashboards?list")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="New dashboard").click()
    for title in titles:
        with page.expect_response(lambda answer: "arrange" in answer.url):
            page.get_by_label("Add a plot").select_option(label=title)
        page.locator(".tile", has_text=title).locator(".u-over").wait_for()
    return page


@pytest.mark.parametrize(("wide", "tall"), SIZES)
def test_a_removed_dashboard_comes_back_with_its_arrangement(
    visits: Any, wide: int, tall: int, tmp_path: Path
) -> None:
    visit = visits(viewport={"width": wide, "height": tall})
    visit.sign_in()
    mine = [f"Epsilon {wide}", f"Zeta {wide}"]
    saved(visit, *mine)
    name = f"The roof of the old greenhouse beside the long wall {wide}"
    page = dashboard(visit, name, *mine)
    address = page.url
    with page.expect_response(lambda answer: "arrange" in answer.url):
        page.locator(".tile").nth(1).get_by_role("button", name="Taller").click()
    page.locator(".tile.tall-2", has_text=mine[1]).wait_for()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_text(f"“{name}” was removed.").wait_for()
    page.screenshot(path=tmp_path / "removed.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= wide
    page.get_by_role("button", name="Undo", exact=True).click()
    page.wait_for_url(address)
    page.locator(".tile.tall-2", has_text=mine[1]).locator(".u-over").wait_for()
    assert names(page) == mine
    page.get_by_role("button", name="Remove", exact=True).click()
    page.goto(f"{visit.base}/dashboards?list")
    page.screenshot(path=tmp_path / "list.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= wide
    page.get_by_role("button", name=f"Bring {name} back").click()
    page.wait_for_url(address)


def test_a_removed_plot_comes_back_without_a_script(visits: Any) -> None:
    visit = visits(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    visit.sign_in()
    page = visit.page
    page.goto(visit.base + order("pv_power", title="Eta"))
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Remove Eta").click()
    page.get_by_text("“Eta” was removed.").wait_for()
    page.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_role("button", name="Remove Eta").wait_for()
    assert page.get_by_text("was removed").count() == 0


def test_a_wall_stays_awake_and_comes_back(visit: Any) -> None:
    saved(visit, "Gamma")
    page = visit.page
    page.add_init_script(
        "navigator.wakeLock.request = async () => { window.locks = (window.locks ?? 0) + 1;"
        " return new EventTarget(); }"
    )
    page.goto(f"{visit.base}/dashboards?list")
    page.get_by_label("Name").fill("Wall")
    page.get_by_role("button", name="New dashboard").click()
    page.get_by_label("Add a plot").select_option(label="Gamma")
    page.locator(".u-over").wait_for()
    page.get_by_role("link", name="Wall", exact=True).click()
    page.locator(".u-over").wait_for()
    page.get_by_text("The screen stays on.").wait_for()
    assert page.evaluate("window.locks") == 1
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('online'))")
    page.get_by_text("No line to the hub").wait_for()
    with page.expect_event("load", timeout=30_000):
        page.context.set_offline(False)
    page.locator(".u-over").wait_for()
    assert page.locator("#link-state").is_hidden()
    visit.faults[:] = [text for text in visit.faults if "ERR_INTERNET_DISCONNECTED" not in text]


@pytest.mark.parametrize(("wide", "tall"), SIZES)
def test_pages_fit_the_screen(visits: Any, wide: int, tall: int, tmp_path: Path) -> None:
    visit = visits(viewport={"width": wide, "height": tall})
    visit.sign_in()
    saved(visit, "Delta")
    paths = (
        "/plots",
        order("pv_power", "mode", "battery_voltage", title="A day"),
        "/plots/links",
        "/dashboards?list",
    )
    for number, path in enumerate(paths):
        visit.page.goto(visit.base + path)
        visit.page.wait_for_load_state("networkidle")
        across = visit.page.evaluate("document.documentElement.scrollWidth")
        assert across <= wide, path
        visit.page.screenshot(path=tmp_path / f"{wide}-{number}.png", full_page=True)
