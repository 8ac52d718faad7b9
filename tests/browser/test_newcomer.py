"""The first five minutes of somebody new, from the sign-up form to a picture on the wall; and the
first of somebody who has a farm.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SIZES = {"desk": (1280, 900), "phone": (390, 844)}
PASSWORD = "a long way to the sea"
PREPARE = f"""
import sys
from pathlib import Path
from fieldstation.hub import run
data = Path(sys.argv[1])
run.add_user(data, "olive", {PASSWORD!r}, "olive@example.org")
run.choose_sign_up(data, "open")
"""
SERVE = (sys.executable, "-m", "fieldstation.cli", "serve", "--port", "0", "--data")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def hub(data: Path) -> Iterator[str]:
    """The address of an empty hub where everybody may make an account."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FIELDSTATION_")}
    # A program of its own, so that the hub learns its address first and mails name it.
    subprocess.run([sys.executable, "-c", PREPARE, str(data)], check=True, env=environment)
    with subprocess.Popen(
        [*SERVE, str(data)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


Window = Callable[..., Any]


@pytest.fixture(params=list(SIZES))
def window(request: pytest.FixtureRequest, chromium: Any, hub: str) -> Iterator[Window]:
    """Opens private windows of one size; none of them may see a fault."""
    wide, tall = SIZES[request.param]
    contexts, faults = [], []

    def opened() -> Any:
        context = chromium.new_context(
            viewport={"width": wide, "height": tall}, locale="en-GB", base_url=hub
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else 0)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def look(tmp_path: Path) -> Callable[[Any], None]:
    """Takes a screenshot; nothing may be wider than the window."""

    def looked(page: Any) -> None:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
        count = len(list(tmp_path.glob("*.png")))
        page.screenshot(path=tmp_path / f"{count:02}.png", full_page=True)

    return looked


def sign_up(page: Any, name: str) -> None:
    page.goto("/")
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password, at least").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.get_by_role("heading", name="Instruments").wait_for()


def run_the_line(page: Any, value: float) -> None:
    """The curl line of the page, in a real shell, with another value."""
    line = page.locator("#text-curl").inner_text().replace("21.5", str(value))
    done = subprocess.run(["sh", "-c", f"{line} --silent --fail"], capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr


def drawn(page: Any) -> None:
    page.locator("[data-status]", has_text="readings").wait_for()


def test_from_the_sign_up_form_to_a_picture_on_the_wall(
    window: Window, look: Callable[[Any], None], request: pytest.FixtureRequest
) -> None:
    page, name = window(), f"nell-{request.node.callspec.id}"
    sign_up(page, name)
    look(page)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name or e-mail address").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("link", name="Register a sensor").click()
    page.get_by_label("Name").fill("Shed")
    page.get_by_label("Values and their units").fill("temperature: °C")
    look(page)
    page.get_by_role("button", name="Register and make a token").click()
    page.get_by_text("Waiting for the first post").wait_for()
    run_the_line(page, 18.25)
    page.get_by_text("It has arrived").wait_for()
    look(page)
    run_the_line(page, 19.75)
    page.get_by_role("link", name="To the sensor").click()
    page.locator(".tiles", has_text="19.75").get_by_text("°C").wait_for()
    look(page)

    page.get_by_role("link", name="Plots", exact=True).click()
    page.get_by_label("Search channels").fill("temp")
    page.locator("#choose .choice:visible input").first.check()
    page.get_by_label("Title", exact=True).fill("The shed")
    page.get_by_label("From", exact=True).fill("-1h")
    page.get_by_label("Marker").select_option("o")
    page.get_by_role("button", name="Draw").click()
    drawn(page)
    look(page)
    page.get_by_label("Name").fill("The shed")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("navigation", name="Saved plots").get_by_text("The shed").wait_for()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Link to the page").input_value()
    look(page)

    friend = window()
    friend.goto(link)
    drawn(friend)
    friend.get_by_role("heading", name="The shed").wait_for()
    look(friend)

    page.get_by_role("link", name="Dashboards").first.click()
    page.get_by_label("Name").fill("Garden")
    page.get_by_role("button", name="New dashboard").click()
    page.get_by_label("Add a plot").select_option(label="The shed")
    page.locator(".tile", has_text="The shed").locator(".u-over").wait_for()
    look(page)
    page.get_by_role("link", name="Wall", exact=True).click()
    page.locator(".u-over").wait_for()
    look(page)


def test_a_plot_chosen_before_the_scripts_are_there_is_added(window: Window) -> None:
    page = window()
    sign_up(page, f"slow-{page.viewport_size['width']}")
    page.goto("/sensors/register")
    page.get_by_label("Name").fill("Tank")
    page.get_by_role("button", name="Register and make a token").click()
    run_the_line(page, 40.5)
    page.get_by_role("link", name="To the sensor").click()
    page.get_by_role("link", name="Plots", exact=True).click()
    page.get_by_label("Search channels").fill("temp")
    page.locator("#choose .choice:visible input").first.check()
    page.get_by_role("button", name="Draw").click()
    page.get_by_label("Name").fill("Tank")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Dashboards").first.click()
    held: list[Any] = []
    script = re.compile("plots-board")
    page.route(script, lambda route: held.append(route))
    page.get_by_label("Name").fill("Slow")
    with page.expect_request(script):
        page.get_by_role("button", name="New dashboard").click(no_wait_after=True)
    page.get_by_label("Add a plot").select_option(label="Tank")
    for route in held:
        route.continue_()
    page.locator(".tile", has_text="Tank").locator(".u-over").wait_for()


def test_the_owner_of_a_farm_takes_a_pin_and_invites_somebody_by_mail(
    window: Window, look: Callable[[Any], None], data: Path
) -> None:
    page = window()
    page.goto("/login")
    page.get_by_label("User name or e-mail address").fill("olive")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Gateways", exact=True).click()
    page.get_by_role("link", name="Add a gateway").click()
    place = f"Barn {page.viewport_size['width']}"
    page.get_by_label("Name").fill(place)
    page.get_by_role("button", name="Make a PIN").click()
    page.get_by_text("fieldstation register").first.wait_for()
    look(page)
    page.get_by_role("link", name="Sites", exact=True).click()
    page.get_by_role("link", name="Home", exact=True).click()
    page.get_by_label("Role", exact=True).select_option("editor")
    guest = f"guest{page.viewport_size['width']}@example.org"
    page.get_by_label("E-mail address").fill(guest)
    page.get_by_role("button", name="Invite").click()
    page.get_by_text(f"{guest} editor").wait_for()
    look(page)
    link = mailed_link(data / "outbox", guest, page)
    guest_page = window()
    guest_page.goto(link)
    guest_page.get_by_role("link", name="Make an account").click()
    guest_page.get_by_label("User name").fill(guest.partition("@")[0])
    guest_page.get_by_label("Password, at least").fill(PASSWORD)
    guest_page.get_by_role("button", name="Make the account").click()
    guest_page.get_by_role("button", name="Join").click()
    guest_page.get_by_role("link", name=place).wait_for()
    look(guest_page)


def mailed_link(folder: Path, guest: str, page: Any) -> str:
    """The link in the mail to this address, which is sent behind the answer."""
    for _ in range(100):
        for mail in folder.glob("*.log"):
            text = mail.read_text(encoding="utf-8")
            found = re.search(r"http\S+/join/\S+", text)
            if f"To: {guest}" in text and found:
                return found[0]
        page.reload()
    raise AssertionError(f"no mail came to {guest}")
