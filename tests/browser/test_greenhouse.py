"""The old site's pages in a real browser: what its clients post is shown, drawn and warned of."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fieldstation.cli import posted

pytestmark = pytest.mark.slow

SIZES = {"desk": (1280, 900), "phone": (390, 844)}
NAME, PASSWORD = "iris", "a long way to the sea"
SERVE = f"""
import sys
from pathlib import Path
from fieldstation.hub import run
data = Path(sys.argv[1])
run.add_user(data, {NAME!r}, {PASSWORD!r})
from fieldstation.hub.greenhouse import house
house.set_up(posts=True)
run.serve(data, port=0, ready=lambda url: print(url, flush=True))
"""
# Address, heading, and words of the newest document.
PAGES = {
    "/home": ("Greenhouse", "BMS ERROR: low charge"),
    "/BMS/instantaneous": ("Battery now", "Battery Charge"),
    "/BMS/pins": ("Pins connected", "battery_contactor"),
    "/Tristar/Instantaneous": ("Charge controller now", "battery voltage"),
    "/Tristar/DailyValues": ("Daily values", "Watt Hours accumulated daily"),
    "/Tristar/ChargeSettings": ("Charge settings", "EV_absorp"),
    "/about": ("About", "greenhouse"),
}


@pytest.fixture(scope="module")
def greenhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a hub whose old routes took one document each."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FIELDSTATION_")}
    command = [sys.executable, "-c", SERVE, str(tmp_path_factory.mktemp("hub"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            low = posted.bms(time.time(), 1)
            low["BMS Status"]["Status Errors"] = "low charge"
            for path, document in (
                ("/BMS/post-json", low),
                ("/Tristar/post-json", posted.tristar(time.time(), 1)),
                ("/Tristar/post-json/daily", posted.daily(time.time(), 1)),
            ):
                assert httpx.post(url + path, json=document).status_code == 200
            yield url
        finally:
            process.terminate()


@pytest.fixture(params=list(SIZES))
def page(request: pytest.FixtureRequest, chromium: Any, greenhouse: str) -> Iterator[Any]:
    wide, tall = SIZES[request.param]
    context = chromium.new_context(
        viewport={"width": wide, "height": tall}, locale="en-GB", base_url=greenhouse
    )
    context.set_default_timeout(15_000)
    one, faults = context.new_page(), []
    one.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else 0)
    one.on("pageerror", lambda error: faults.append(str(error)))
    yield one
    context.close()
    assert faults == []


def fits(page: Any) -> bool:
    found: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return found


def test_every_old_page_shows_its_document_and_fits(page: Any) -> None:
    for path, (heading, words) in PAGES.items():
        page.goto(path)
        page.get_by_role("heading", name=heading, exact=True).wait_for()
        assert words in page.locator("main").inner_text(), path
        assert fits(page), path


@pytest.mark.parametrize(
    ("path", "parameter"), [("/BMS", "average_cell_voltage"), ("/Tristar", "bat_voltage")]
)
def test_the_graph_forms_draw(page: Any, path: str, parameter: str) -> None:
    page.goto(path)
    page.get_by_label("Parameter").select_option(parameter)
    page.get_by_label("Start (UTC)").fill(stamp(-3600))
    page.get_by_label("End (UTC)").fill(stamp(3600))
    page.get_by_label("Title", exact=True).fill("What it was")
    page.get_by_role("button", name="Draw").click()
    page.locator("#graph .u-over").wait_for()
    assert page.get_by_text("What it was").is_visible()
    assert fits(page)


def test_the_server_draws_the_same(page: Any) -> None:
    page.goto("/BMS/serverside")
    page.get_by_label("Start (UTC)").fill(stamp(-3600))
    page.get_by_label("End (UTC)").fill(stamp(3600))
    page.get_by_role("button", name="Draw").click()
    picture = page.get_by_alt_text("The picture that you asked for")
    picture.wait_for()
    assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") == 1000
    assert fits(page)


def test_the_owner_sees_the_warnings_among_what_needs_attention(page: Any) -> None:
    page.goto("/login")
    page.get_by_label("User name or e-mail address").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    wants = page.get_by_role("region", name="Needs attention")
    wants.get_by_text("BMS ERROR: low charge").wait_for()
    wants.get_by_text("Tristar Alarms: RTS open").wait_for()
    page.get_by_role("link", name="Greenhouse").first.click()
    page.get_by_role("heading", name="Greenhouse").wait_for()


def stamp(after_s: float) -> str:
    """A moment so many seconds from now, as the form's fields take it."""
    return time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + after_s))
