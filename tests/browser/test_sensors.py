"""Sensors in a real browser: from the form to the first post, on a desk and on a phone."""

from __future__ import annotations

import json
import secrets
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.slow

SIZES = {"desk": (1280, 900), "phone": (390, 844)}


@pytest.fixture(params=list(SIZES))
def window(request: pytest.FixtureRequest, visit: Any) -> Any:
    """A signed-in window of one of the sizes."""
    width, height = SIZES[request.param]
    visit.page.set_viewport_size({"width": width, "height": height})
    return visit


def register(visit: Any) -> tuple[str, str, str]:
    """Through the form; the sensor's name, its address for posts and its token."""
    name = f"Light {secrets.token_hex(3)}"
    page = visit.page
    page.goto(f"{visit.base}/sensors")
    page.get_by_role("link", name="Register a sensor").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Values and their units").fill("lux: lx\nair.temperature: °C")
    page.get_by_label("Type").fill("VEML7700")
    unscrolled(page)
    page.get_by_role("button", name="Register and make a token").click()
    page.locator("#token").wait_for()
    number = page.locator("#token-page").get_attribute("data-page").rpartition("/")[2]
    # Once the script runs, the address is that of the sensor, so that a reload makes no new token.
    page.wait_for_url(f"**/sensors/{number}")
    token = page.locator("#token").inner_text()
    return name, f"{visit.base}/api/v1/sensors/{number}/readings", token


def unscrolled(page: Any) -> None:
    """Nothing is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def post(address: str, token: str, document: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.post(address, json=document, headers=headers).status_code == 200


def test_a_new_sensor_waits_and_shows_its_first_post(window: Any) -> None:
    page = window.page
    name, address, token = register(window)
    unscrolled(page)
    page.get_by_text("Waiting for the first post").wait_for()
    page.get_by_role("tab", name="curl").press("ArrowRight")
    assert (
        page.get_by_role("tab", name="Python", exact=True).get_attribute("aria-selected") == "true"
    )
    assert token in page.locator("#text-python").inner_text()
    post(address, token, {"lux": 912.5, "air": {"temperature": 21.25}})
    page.get_by_text("It has arrived").wait_for()
    assert json.loads(page.locator("#document").inner_text())["lux"] == 912.5
    page.get_by_role("link", name="To the sensor").click()
    page.get_by_role("heading", name=name).wait_for()
    page.locator(".tiles", has_text="912.5").wait_for()
    unscrolled(page)
    post(address, token, {"lux": 14.75, "air": {"temperature": 20}})
    page.locator(".tiles", has_text="14.75").wait_for()
    page.get_by_role("link", name="A newer document has arrived").click()
    page.locator(".document", has_text="14.75").first.wait_for()
    page.get_by_role("link", name="Plot and all values").click()
    page.locator("#plot-status", has_text="values").wait_for()


def test_the_page_of_a_waiting_sensor_turns_live_by_itself(window: Any) -> None:
    page = window.page
    _, address, token = register(window)
    page.goto(page.url)
    page.get_by_text("Waiting for the first post").wait_for()
    assert "fsn_YOUR_TOKEN" in page.locator("#text-curl").inner_text()
    post(address, token, {"note": "a document without a number"})
    page.locator(".document", has_text="without a number").wait_for()


def test_the_list_follows_posts_and_deletion_can_be_undone(window: Any) -> None:
    page = window.page
    name, address, token = register(window)
    post(address, token, {"lux": 1.5})
    page.goto(f"{window.base}/sensors")
    card = page.locator(".card", has_text=name)
    card.get_by_text("1.5").wait_for()
    post(address, token, {"lux": 77.5})
    card.get_by_text("77.5").wait_for()
    unscrolled(page)
    card.get_by_role("link", name=name).click()
    page.get_by_text("The whole sensor").click()
    page.get_by_role("button", name="Delete the sensor").click()
    page.get_by_role("button", name=f"Bring {name} back").click()
    page.get_by_role("heading", name=name).wait_for()


def test_no_page_of_sensors_has_a_serious_barrier(window: Any) -> None:
    """Every field has a label, every button a name, every page one heading."""
    page = window.page
    register(window)
    address = page.url
    for path in ("/sensors", "/sensors/register", address.removeprefix(window.base)):
        page.goto(window.base + path)
        assert page.locator("h1").count() == 1
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("input:not([type=hidden]), textarea, select")]
                 .filter((one) => !one.labels.length).map((one) => one.id)"""
        )
        assert nameless == []
