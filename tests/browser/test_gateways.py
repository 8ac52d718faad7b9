"""Pages of gateways in a real browser: a PIN becomes a key, days add up, gaps say why."""

from __future__ import annotations

import itertools
import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from fieldstation.batch.facts import DAY_US, Event, Fact, Hole, State, Tally
from fieldstation.batch.report import MEDIA_TYPE, PATH, Report

pytestmark = pytest.mark.slow

DAY_S = 86400
STEP_US = 60_000_000
SIZES = ((1280, 900), (390, 844))
SCHEMES = ("light", "dark")
WAITING = 48
JUMP = "The clock was set 3.2 s back."
UNPLUGGED = re.compile(r"gap: unplugged 7 h 12 min")


def facts_of(roof: Any, now_us: int) -> list[Fact]:
    """Three weeks of an inverter that was unplugged once and is behind by a few readings, and of a
    meter that is silent since yesterday.
    """
    today = now_us // DAY_US
    gap = roof.gap_us
    count = (gap[1] - gap[0]) // STEP_US
    gap[1] = gap[0] + (count - 1) * STEP_US
    tallies = [
        Tally(roof.boot, "inverter", day, n + (WAITING if day == today else 0))
        for day, n in roof.days.items()
    ]
    meter = [Tally(roof.boot, "meter", today - back, 700) for back in range(2, 9)]
    short = now_us - 26 * 3600 * 1_000_000
    return [
        *tallies,
        Hole(1, "inverter", "", "unplugged", roof.boot, *gap, count, State.LOST),
        Hole(2, "inverter", "ratings", "garbled", roof.boot, short, short, 1, State.LOST),
        Hole(3, "meter", "", "silent", roof.boot, short, now_us, 1500, State.OPEN),
        Event(
            roof.boot, 1, now_us - 3_600_000_000, 1, "clock_jump", "The clock was set 3.2 s back."
        ),
        *meter,
    ]


def report(roof: Any, facts: list[Fact], after: int = 0) -> None:
    now_us = time.time_ns() // 1000
    told = Report(
        "9f3c21aa04b7d510", roof.boot, "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "0.4.0",
        now_us, 86_400_000_000, 1, WAITING, now_us - 480_000_000, 81_264_640, 12_884_901_888,
        after=after, facts=tuple(enumerate(facts, after + 1)),
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {roof.key}", "Content-Type": MEDIA_TYPE}
    body = json.dumps(told.as_json())
    answer = httpx.post(roof.url + PATH, content=body, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def told(roof: Any) -> Any:
    """The roof's hub, after the station's report."""
    report(roof, facts_of(roof, time.time_ns() // 1000))
    return roof


@pytest.fixture
def page(told: Any, visit: Any) -> Any:
    """The gateway's page, its calendar drawn."""
    return opened(visit)


def opened(visit: Any) -> Any:
    visit.page.goto(f"{visit.base}/gateways/greenhouse-roof")
    visit.page.locator(".calendar tbody button").first.wait_for()
    return visit.page


def cells(page: Any, instrument: str) -> Any:
    row = page.locator(".calendar tbody tr", has=page.locator(f"bdi:text-is('{instrument}')"))
    return row.locator("button")


def test_a_person_adds_a_gateway_and_the_page_sees_it_register(visit: Any) -> None:
    page = visit.page
    page.get_by_role("link", name="Gateways").click()
    page.get_by_role("link", name="Add a gateway").click()
    page.get_by_label("Name").fill("Pump house")
    page.get_by_role("button", name="Make a PIN").click()
    pin = page.locator("#pin").inner_text()
    assert re.fullmatch(r"\d{4} \d{4}", pin)
    assert re.fullmatch(r"(10:00|9:\d\d)", page.locator("#countdown").inner_text())
    assert f"fieldstation register --hub {visit.base}" in page.locator("#command").inner_text()
    given = httpx.post(f"{visit.base}/api/v1/register", json={"pin": pin, "device": "pi-7"})
    assert given.status_code == 201
    page.get_by_text("Done: the station has its key.").wait_for()
    page.get_by_text("It calls itself pi-7.").wait_for()
    assert not page.locator("#pin").is_visible()
    page.get_by_role("link", name="To the gateway").click()
    page.get_by_text("The station has its key but has sent nothing yet. Start it.").wait_for()


def test_loading_the_pin_page_again_makes_no_further_pin(visit: Any) -> None:
    page = visit.page
    page.goto(f"{visit.base}/add-gateway")
    page.get_by_label("Name").fill("Weather mast")
    page.get_by_role("button", name="Make a PIN").click()
    pin = page.locator("#pin").inner_text()
    page.reload()
    page.get_by_text("No station has registered yet.").first.wait_for()
    assert page.locator("#pin").count() == 0
    answer = httpx.post(f"{visit.base}/api/v1/register", json={"pin": pin})
    assert answer.status_code == 201


def test_an_expired_pin_is_taken_off_the_page(visits: Any) -> None:
    visit = visits(viewport={"width": 390, "height": 844})
    visit.page.clock.install()
    visit.sign_in()
    visit.page.goto(f"{visit.base}/add-gateway")
    visit.page.get_by_label("Name").fill("Cellar")
    visit.page.get_by_role("button", name="Make a PIN").click()
    visit.page.locator("#pin").wait_for()
    visit.page.clock.run_for(601_000)
    visit.page.get_by_text("The PIN has expired.").wait_for()
    assert not visit.page.locator("#pin").is_visible()
    visit.page.get_by_role("button", name="Make another PIN").click()
    assert re.fullmatch(r"\d{4} \d{4}", visit.page.locator("#pin").inner_text())


def test_the_calendar_tells_days_by_number_and_word(page: Any, told: Any) -> None:
    labels = [cell.get_attribute("aria-label") for cell in cells(page, "inverter").all()]
    broken = [label for label in labels if "unplugged" in label]
    assert 1 <= len(broken) <= 2
    assert all("readings are missing" in label for label in broken)
    assert sum("100 %, complete" in label for label in labels) >= 15
    assert "the rest is on its way" in labels[-1]
    shown = [cell.inner_text() for cell in cells(page, "inverter").all()]
    assert shown[-1].endswith("↑")
    assert "100" in shown
    assert "every known day adds up" in page.locator("#calendar-summary").inner_text()
    legend = page.locator("#calendar-legend").inner_text()
    assert re.search(r"silent 1,500", legend)
    assert re.search(r"unplugged 43\d", legend)


def test_a_day_opened_says_what_is_missing_when_and_why(page: Any) -> None:
    page.locator(".calendar button[aria-label*='unplugged']").first.click()
    day = page.locator("#day")
    day.get_by_text("the port was not there, or vanished").wait_for()
    numbers = [
        int(re.sub(r"\D", "", text)) for text in day.locator(".account dd").all_inner_texts()
    ]
    assert numbers[0] == sum(numbers[1:])
    assert re.search(r"\d\d:\d\d.* – .*\(7 h 12 min\)", day.locator(".holes").inner_text())
    day.get_by_role("link", name="Show this day in the plot").click()
    page.locator("#plot-gaps", has_text="gap: unplugged").wait_for()


def test_the_calendar_is_reached_and_read_with_the_keyboard(page: Any) -> None:
    stops = page.locator(".calendar button[tabindex='0']")
    assert stops.count() == 1
    stops.focus()
    key = "document.activeElement.dataset.key"
    first = page.evaluate(key)
    page.keyboard.press("ArrowUp")
    up = page.evaluate(key)
    page.keyboard.press("ArrowLeft")
    left = page.evaluate(key)
    assert len({first, up, left}) == 3
    assert up.startswith("inverter")
    page.keyboard.press("Enter")
    page.locator("#day h3", has_text="inverter").wait_for()
    assert page.evaluate("document.activeElement.id") == "day"


def test_earlier_days_can_be_turned_to(page: Any) -> None:
    newest = cells(page, "inverter").last.get_attribute("data-key")
    with page.expect_response(re.compile("/calendar")):
        page.get_by_role("button", name="Earlier").click()
    page.get_by_text("Nothing is known of these days.").or_(
        page.locator(".calendar tbody button").first
    ).wait_for()
    with page.expect_response(re.compile("/calendar")):
        page.get_by_role("button", name="Later").click()
    page.locator(f"button[data-key='{newest}']").wait_for()
    assert page.get_by_role("button", name="Later").is_disabled()


def test_the_page_shows_standing_and_events(page: Any) -> None:
    standing = page.locator("#standing").inner_text()
    assert re.search(r"\b48\b", standing)
    assert "81.3 MB" in standing
    assert "12.9 GB free" in standing
    assert re.search(r"right to \d+ ms", standing)
    page.get_by_text(JUMP).wait_for()
    page.get_by_text("Readings are going missing at the moment").wait_for()
    assert page.locator(".badge[data-gateway-state]").inner_text() == "online"


def test_revoking_asks_and_can_be_undone(page: Any, told: Any) -> None:
    page.get_by_text("Revoke the key …").click()
    page.get_by_role("button", name="Revoke now").click()
    page.get_by_text("Its key is revoked").wait_for()
    headers = {"Authorization": f"Bearer {told.key}", "Content-Type": MEDIA_TYPE}
    assert httpx.post(told.url + PATH, content="{}", headers=headers).status_code == 401
    page.get_by_role("button", name="Undo revoking").click()
    page.get_by_text("Revoke the key …").wait_for()
    assert httpx.post(told.url + PATH, content="{}", headers=headers).status_code == 422


def test_a_plot_shades_its_gap_and_names_the_cause(told: Any, visit: Any) -> None:
    visit.open("?channels=battery_voltage,mode&range=7d")
    gaps = visit.page.locator("#plot-gaps")
    gaps.get_by_text(UNPLUGGED).wait_for()
    gaps.get_by_text("gap: garbled").wait_for()
    area = visit.page.locator("#plot .u-over")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    y = box["y"] + box["height"] / 2
    visit.page.mouse.move(box["x"] + box["width"] * (7 - 4.35) / 7, y)
    visit.page.locator("#readout .gap", has_text=UNPLUGGED).wait_for()
    visit.page.mouse.move(box["x"] + box["width"] * (7 - 3) / 7, y)
    assert not visit.page.locator("#readout .gap").is_visible()
    inside, *outside = (ink(visit.page, (7 - days) / 7) for days in (4.35, 2.6, 3.0, 3.4))
    assert inside > 3 * min(outside)  # a line of the grid or the curve crosses some


def ink(page: Any, share: float) -> float:
    """How much of a narrow column near the foot of the plot is painted, at this share of its
    width.
    """
    painted: float = page.evaluate(
        """(share) => {
          const canvas = document.querySelector("#plot canvas");
          const over = document.querySelector("#plot .u-over").getBoundingClientRect();
          const at = canvas.getBoundingClientRect();
          const ratio = devicePixelRatio;
          const x = (over.left - at.left + share * over.width) * ratio;
          const y = (over.bottom - at.top - 40) * ratio;
          const copy = document.createElement("canvas").getContext("2d");
          copy.drawImage(canvas, x - 8, y, 16, 30, 0, 0, 16, 30);
          const data = copy.getImageData(0, 0, 16, 30).data;
          let sum = 0;
          for (let i = 3; i < data.length; i += 4) sum += data[i];
          return sum / (data.length / 4) + 1;
        }""",
        share,
    )
    return painted


@pytest.mark.parametrize(("scheme", "size"), list(itertools.product(SCHEMES, SIZES)))
def test_pages_of_gateways_fit_and_are_pictured(
    told: Any, visits: Any, tmp_path: Path, scheme: str, size: tuple[int, int]
) -> None:
    width, height = size
    visit = visits(viewport={"width": width, "height": height}, color_scheme=scheme)
    visit.sign_in()
    page = visit.page
    page.goto(f"{visit.base}/gateways")
    fits(page, tmp_path / f"gateways-{scheme}-{width}.png", width)
    page.goto(f"{visit.base}/add-gateway")
    fits(page, tmp_path / f"add-{scheme}-{width}.png", width)
    page.get_by_label("Name").fill(f"Barn {scheme} {width}")
    page.get_by_role("button", name="Make a PIN").click()
    page.locator("#pin").wait_for()
    fits(page, tmp_path / f"pin-{scheme}-{width}.png", width)
    opened(visit)
    page.locator(".calendar button[aria-label*='unplugged']").first.click()
    page.locator("#day .holes li").first.wait_for()
    page.get_by_text("Revoke the key …").click()
    fits(page, tmp_path / f"gateway-{scheme}-{width}.png", width)
    visit.open("?channels=battery_voltage,load_power,mode&range=7d")
    page.locator("#plot-gaps li").first.wait_for()
    fits(page, tmp_path / f"gap-{scheme}-{width}.png", width)


def fits(page: Any, picture: Path, width: int) -> None:
    """No horizontal scroll; the picture is for the person who looks after the tests."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 5_000


class Twins:
    """Two machines that report with one key, as from a copied card."""

    def __init__(self, visit: Any, name: str) -> None:
        page = visit.page
        page.goto(f"{visit.base}/add-gateway")
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Make a PIN").click()
        pin = page.locator("#pin").inner_text()
        given = httpx.post(f"{visit.base}/api/v1/register", json={"pin": pin, "device": "pi"})
        self.base, self.key, self.mono_us = visit.base, given.json()["key"], 0

    def say(self, machine: str) -> None:
        """A report of the one or the other."""
        self.mono_us += 60_000_000
        told = Report(
            "00f3c21aa04b7d51", machine.encode().ljust(16), "kernel", f"0.4.0-{machine}",
            time.time_ns() // 1000, self.mono_us, 1,
        )  # fmt: skip
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": MEDIA_TYPE}
        body = json.dumps(told.as_json())
        answer = httpx.post(self.base + PATH, content=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("size", SIZES)
def test_the_alarm_of_twins_is_ended_and_runs_say_how_they_ended(
    visits: Any, size: tuple[int, int], tmp_path: Path
) -> None:
    visit = visits(viewport={"width": size[0], "height": size[1]})
    visit.sign_in()
    page, name = visit.page, f"Twins {size[0]}"
    twins = Twins(visit, name)
    for machine in ("old", "new", "old", "old"):
        twins.say(machine)
    page.goto(f"{visit.base}/gateways/{name.lower().replace(' ', '-')}")
    page.get_by_text("Two stations use this key").wait_for()
    rows = page.locator("#runs li")
    assert [row.get_attribute("data-ending") for row in rows.all()] == ["", "beside"]
    assert "0.4.0-new" in rows.nth(0).inner_text()
    assert "reports beside the run after it" in rows.nth(1).inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(path=tmp_path / "twins.png", full_page=True)
    button = page.get_by_role("button", name="This is one machine again")
    button.click()
    button.wait_for(state="detached")
    assert page.get_by_text("Two stations use this key").count() == 0
    assert "crashed or was killed" in rows.nth(1).inner_text()
