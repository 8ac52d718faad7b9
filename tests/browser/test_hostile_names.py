"""Names that want to be more than names, in what the browser's own scripts build: everything on a
hub that has a name or a text carries a hostile one, and every page that shows it is walked.

1. No name becomes an element, a handler or an address of a script, and none runs; the policy of the
   pages is never asked to hold one back (test_the_watch_sees_what_it_is_there_for).
2. Names stand on the page letter by letter.
3. No name makes a page wider than a phone.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from fieldstation.client import Hub

from .hostile_world import (
    ARABIC,
    BOARD,
    BORN,
    CAUSE,
    DEVICE,
    DOCUMENT,
    EVENT,
    GATEWAY,
    IMAGE,
    INSTRUMENT,
    LABEL,
    LINK,
    NOTE,
    PASSWORD,
    PERSON,
    PLOT,
    SCRIPT,
    SENSOR,
    SENTENCE,
    SERVE,
    SITE,
    TITLE,
    TURNED,
    UNIT,
    WORD,
    Furnished,
    furnish,
)

PATIENCE_S = 20.0

pytestmark = pytest.mark.slow

PHONE = {"width": 390, "height": 844}
WATCH = """
Object.defineProperty(window, "hit", { set: (value) => told(`a name ran: ${value}`) });
addEventListener("securitypolicyviolation", (event) => {
  told(`the policy held back ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
"""
STRANGE = """() => {
  const all = [...document.querySelectorAll("*")];
  const made = "img[src='x'], script:not([src], [type='application/json'])";
  const told = (what, nodes) => nodes.map((node) => `${what}: ${node.outerHTML.slice(0, 200)}`);
  const script = (node) => ["href", "src", "action", "formaction", "xlink:href"]
    .some((name) => /^\\s*javascript:/i.test(node.getAttribute(name) ?? ""));
  const handler = ({ name }) => name.startsWith("on");
  const { scrollWidth, clientWidth } = document.documentElement;
  const wide = scrollWidth > clientWidth;
  const beyond = (node) => node.getBoundingClientRect().right > clientWidth;
  const held = (node) => node.parentElement
    && (getComputedStyle(node).overflowX !== "visible" || held(node.parentElement));
  return [
    ...told("made of a name", all.filter((node) => node.matches(made))),
    ...told("a handler", all.filter(({ attributes }) => [...attributes].some(handler))),
    ...told("an address that runs", all.filter(script)),
    ...(wide ? told("too wide", all.filter((node) => beyond(node) && !held(node))) : []),
  ];
}"""


INSTRUMENT_PAGE = f"/instruments/{{gateway}}/{quote(INSTRUMENT)}"
# Where they are, and what their scripts draw.
PAGES: tuple[tuple[str, ...], ...] = (
    ("/", ".card", INSTRUMENT, GATEWAY, SENSOR, LABEL, LINK),
    (INSTRUMENT_PAGE, "#readout .reading", INSTRUMENT, LABEL, UNIT, WORD),
    ("/gateways", "time[title]", GATEWAY), ("/gateways/{gateway}", ".calendar button", DEVICE),
    ("/sensors", "time[title]", SENSOR, SITE), ("/sensors/{sensor}", "time[title]", ARABIC, LINK),
    ("/instruments/{series}", "#readout .reading", SENSOR, IMAGE, "a\u202egnp.exe"),
    ("/sensors/register", "h1", SITE), ("/add-gateway", "h1", SITE),
    ("/plots", "h1", PLOT, INSTRUMENT), ("/plots/links", "h1", TITLE[:80]),
    ("/dashboards?list", "h1", BOARD), ("/dashboards/{board}", ".tile .u-over", BOARD, PLOT),
    ("/dashboards/{board}/wall", ".tile .u-over", BOARD, PLOT, LABEL),
    ("{shared}", ".u-over", TITLE[:80], LABEL), ("/sites", "h1", SITE),
    ("/sites/home", "h1", SITE, PERSON, GATEWAY), ("/sites/home/log", "h1", NOTE, DEVICE),
    ("/account", "h1", PERSON, PLOT), ("/operator", "h1"), ("/old-site", "h1"),
    ("/operator/admin/sites/auditentry/", "h1", PERSON), ("/home", "h1", IMAGE),
    ("/BMS/instantaneous", "h1", SCRIPT, IMAGE, ARABIC), ("/BMS/pins", "h1"),
)  # fmt: skip


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    """A hub of its own, so that no other test meets these names."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FIELDSTATION_")}
    words = json.dumps({"person": PERSON, "password": PASSWORD, "token": PLOT})
    command = [sys.executable, "-c", SERVE, str(tmp_path_factory.mktemp("hub")), words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout
            token, url = (process.stdout.readline().strip() for _ in range(2))
            file = tmp_path_factory.mktemp("token") / "token"
            file.write_text(token)
            with Hub(url, token_file=file) as hub:
                yield furnish(hub, url)
        finally:
            process.terminate()


@dataclass
class Window:
    """A phone's window, signed in; `strange` is whatever a name did."""

    page: Any
    strange: list[str]
    hub: Furnished

    def open(self, path: str, drawn: str) -> None:
        """A page, once its scripts have drawn `drawn`; nothing on it is strange."""
        self.page.goto(self.hub.url + path.format(**self.hub.places))
        self.page.locator(drawn).first.wait_for(state="attached")
        self.calm(path)

    def calm(self, where: str) -> None:
        """Nothing has happened, and nothing stands here, that should not."""
        found = self.page.evaluate(STRANGE)
        assert (found, self.strange) == ([], []), where

    def says(self, place: str, *texts: str) -> None:
        """Each of the texts stands there, letter by letter, and as a text."""
        shown = "\n".join(self.page.locator(place).all_text_contents())
        for text in texts:
            assert text in shown, (place, text)


@pytest.fixture(scope="module")
def signed_in(chromium: Any, furnished: Furnished) -> Iterator[Any]:
    context = chromium.new_context(viewport=PHONE, locale="en-GB", timezone_id="Europe/Berlin")
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.goto(f"{furnished.url}/login")
    page.fill("#name", PERSON)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{furnished.url}/")
    page.close()
    yield context
    context.close()


@pytest.fixture
def window(signed_in: Any, furnished: Furnished) -> Iterator[Window]:
    page, strange = signed_in.new_page(), []
    page.expose_function("told", lambda words: strange.append(words))
    page.add_init_script(WATCH)
    page.on("console", lambda m: strange.append(m.text) if m.type in ("error", "warning") else 0)
    page.on("pageerror", lambda error: strange.append(str(error)))
    page.on("dialog", lambda dialog: strange.append(dialog.message))
    own = furnished.url
    page.on("request", lambda r: 0 if r.url.startswith(own) else strange.append(r.url))
    yield Window(page, strange, furnished)
    page.close()
    assert strange == []


def test_the_watch_sees_what_it_is_there_for(window: Window) -> None:
    window.open("/account", "h1")
    window.page.evaluate(
        """(image) => new Promise((done) => {
          addEventListener("securitypolicyviolation", () => setTimeout(done));
          document.querySelector("h1").innerHTML = image;
        })""",
        IMAGE,
    )
    window.page.evaluate("window.hit = 1")
    seen = "\n".join(window.strange)
    assert "the policy held back script-src-attr" in seen
    assert "a name ran: 1" in seen
    found = "\n".join(window.page.evaluate(STRANGE))
    assert "made of a name: <img" in found
    assert "a handler: <img" in found
    window.page.evaluate("document.body.style.minWidth = '400px'")
    assert "too wide" in window.page.evaluate(STRANGE)[-1]
    window.strange.clear()


def test_no_page_makes_more_of_a_name_than_a_word(window: Window) -> None:
    for path, drawn, *texts in PAGES:
        window.open(path, drawn)
        window.says("main", *texts)


def test_live_values_stay_words(window: Window) -> None:
    page, hub = window.page, window.hub
    window.open("/", ".card")
    hub.read(77.25, 2, BORN[0])
    card = page.locator(".card", has_text=INSTRUMENT)
    card.locator("[data-channel=pv_power]", has_text="77.25").wait_for()
    assert card.locator("[data-channel=mode]").inner_text() == IMAGE
    assert card.locator("[data-channel=word]").inner_text() == "unknown constructor"
    bare = page.locator(".card", has=page.get_by_role("link", name=BORN[0], exact=True))
    bare.locator("[data-channel=load]", has_text="77.25").wait_for()
    assert bare.locator("[data-channel=constructor]").inner_text() == "–"
    window.calm("live cards")
    window.open(INSTRUMENT_PAGE, "#changes time")
    hub.read(88.25, 3, BORN[1])
    page.locator(".tiles [data-channel=pv_power]", has_text="88.25").wait_for()
    page.locator("#changes strong", has_text="unknown toString").wait_for()
    assert page.locator(".tiles [data-channel=mode]").inner_text() == LINK
    window.says("#changes", LABEL, LINK, IMAGE)
    window.calm("a live instrument")


def test_documents_that_arrive_stay_words(window: Window) -> None:
    page, hub = window.page, window.hub
    window.open("/sensors", "time[title]")
    hub.post(DOCUMENT | {IMAGE: 61.5, "turned": TURNED + IMAGE})
    page.locator(".card", has_text=SENSOR).get_by_text("61.5").wait_for()
    window.calm("the sensors' cards")
    window.open("/sensors/{sensor}", "time[title]")
    hub.post(DOCUMENT | {IMAGE: 62.5, "long": SCRIPT})
    page.locator(".tiles", has_text="62.5").wait_for()
    window.says(".tiles", IMAGE, SCRIPT, UNIT)
    page.get_by_role("link", name="A newer document has arrived").click()
    page.locator(".document", has_text="62.5").first.wait_for()
    window.calm("a sensor")
    window.open("/instruments/{series}", "#readout .reading")
    hub.post(DOCUMENT | {IMAGE: 63.5, "turned": TURNED + SCRIPT})
    page.locator("[data-channel=turned]", has_text=SCRIPT).wait_for()
    assert page.locator("[data-channel=turned]").text_content() == TURNED + SCRIPT
    window.calm("a sensor's series")
    page.goto(f"{hub.url}/sensors/{hub.places['sensor']}")
    page.get_by_role("button", name="Make a new token").click()
    hub.token = page.locator("#token").inner_text()
    hub.post(DOCUMENT | {IMAGE: 64.5})
    page.locator("#document", has_text="64.5").wait_for()
    window.says("#document", json.dumps(IMAGE), json.dumps(LINK))
    window.calm("a token")


def test_what_a_pointer_is_told_stays_words(window: Window) -> None:
    page = window.page
    window.open(f"{INSTRUMENT_PAGE}?channels=pv_power,constructor,mode&range=6h", "#plot-gaps li")
    window.says("#plot-gaps", CAUSE, BORN[0])
    hover(page, "#plot .u-over", page.locator("#readout .gap", has_text=f"({IMAGE}): {CAUSE}"))
    window.says("#readout", LABEL, f"7.5 {UNIT}", f"{IMAGE} today")
    window.says("#pictures", UNIT, f"{IMAGE} by size ({IMAGE})", "lowest")
    page.locator("#picker summary").click()
    page.locator("#search").fill(IMAGE)
    window.says("#choices", LABEL, SCRIPT, IMAGE)
    page.locator("#choices .choice", has_text=" 0 to 1 ").locator("input").click()
    page.locator("#plot-problem", has_text=f"then add {IMAGE}.").wait_for()
    window.calm("a plot")


def test_an_ordered_picture_keeps_its_words(window: Window) -> None:
    page = window.page
    window.open("/plots?{query}", "#notes li")
    hover(page, "[data-plot] .u-over", page.locator("[data-readout] .moment", has_text="20"))
    window.says("[data-readout]", INSTRUMENT, LABEL, "constructor")
    window.says("[data-figures]", INSTRUMENT, LABEL)
    window.says("#notes", NOTE, PERSON)
    page.get_by_role("button", name="Day by day").click()
    page.locator("#days tbody tr").first.wait_for()
    window.says("#days", LABEL)
    page.get_by_text("Add a note").click()
    window.says("#note-place", INSTRUMENT)
    page.get_by_label("Words").fill(SCRIPT)
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator("#notes", has_text=SCRIPT).wait_for()
    window.calm("an ordered picture")
    page.get_by_role("button", name=f"Remove the note {SCRIPT}").click()
    page.locator("#notes", has_text=SCRIPT).wait_for(state="detached")


def test_what_a_station_tells_stays_words(window: Window) -> None:
    page = window.page
    window.open("/gateways/{gateway}", ".calendar tbody button")
    window.says("#calendar", INSTRUMENT)
    window.says("#calendar-legend", CAUSE, BORN[0])
    window.says("#events .what", EVENT, "constructor", "toString", "proto")
    window.says("#events bdi", SENTENCE)
    page.locator(f".calendar button[aria-label*='{CAUSE}']").last.click()
    page.locator("#day .holes li").first.wait_for()
    window.says("#day", INSTRUMENT, CAUSE, f"({IMAGE})")
    window.calm("a day")
    page.goto(f"{window.hub.url}/add-gateway")
    page.get_by_label("Name").fill(IMAGE)
    page.get_by_role("button", name="Make a PIN").click()
    pin = page.locator("#pin").inner_text()
    asked = {"pin": pin, "device": DEVICE}
    assert httpx.post(f"{window.hub.url}/api/v1/register", json=asked).status_code == 201
    page.get_by_text(f"It calls itself {DEVICE}.").wait_for()
    window.calm("a PIN")


def test_the_old_site_keeps_its_words(window: Window) -> None:
    page = window.page
    window.open("/BMS", "h1")
    for label, text in (("Start (UTC)", -3600), ("End (UTC)", 3600)):
        stamp = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + text))
        page.get_by_label(label).fill(stamp)
    page.get_by_label("Title", exact=True).fill(TITLE)
    page.get_by_role("button", name="Draw").click()
    page.locator("#graph .u-over").wait_for()
    window.says("figcaption", TITLE)
    window.calm("the old site's graph")


def hover(page: Any, place: str, seen: Any) -> None:
    """Point at the lower right of a plot until `seen` is there. The plot sinks as the words above
    it grow, and a pointer that rests tells it nothing.
    """
    area = page.locator(place)
    area.scroll_into_view_if_needed()
    deadline_s = time.monotonic() + PATIENCE_S
    for share in itertools.cycle((0.80, 0.81)):
        box = area.bounding_box()
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * 0.95)
        if seen.count():
            return
        assert time.monotonic() < deadline_s, page.inner_text("body")
