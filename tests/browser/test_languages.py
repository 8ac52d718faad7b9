"""Pages in Spanish and Chinese: no sentence in English, nothing cut off, numbers as they write."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .conftest import NAME, PASSWORD, STATUS

PLOT = "/plots?curve=greenhouse-roof%2Finverter%3Apv_power&style=fieldstation"
PAGES = ("/", "/instruments/greenhouse-roof/inverter", "/gateways/greenhouse-roof", "/sensors",
         "/sensors/register", PLOT, "/sites", "/account")  # fmt: skip
STRANGERS = ("/login", "/password/forgotten")
# Texts that are drawn later than the page: wait for them, then read.
LATE = {"/instruments/greenhouse-roof/inverter": "#plot-status", PLOT: "[data-status]",
        "/gateways/greenhouse-roof": "#calendar-summary"}  # fmt: skip
# Labels of an instrument that no catalogue knows, names that somebody gave, and what is the same
# everywhere.
LABELS = {channel.label for channel in STATUS.channels}
NAMES = re.compile(r"Greenhouse roof|home|fieldstation|Authorization: Bearer.*|[A-Z][a-z]+/\S+")
READ = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const place = walk.currentNode.parentElement;
    const hidden = place.closest('script, style, template, noscript, code, option');
    if (!hidden) found.push(walk.currentNode.data);
  }
  for (const name of ['title', 'aria-label', 'placeholder']) {
    const places = document.querySelectorAll(`[${name}]`);
    found.push(...[...places].map((place) => place.getAttribute(name)));
  }
  return found.map((text) => text.trim()).filter(Boolean);
}"""
CUT = """() => [
  ...(document.documentElement.scrollWidth > innerWidth ? ['the page'] : []),
  ...[...document.querySelectorAll('button, .button, h1, h2, summary, label')]
    .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1
      && getComputedStyle(one).overflowX !== 'visible' && !one.matches('.hidden'))
    .map((one) => one.textContent.trim()),
]"""


def tour(
    chromium: Any, roof: Any, language: str, widths: tuple[int, ...] = (1280, 390)
) -> tuple[dict[str, set[str]], list[str]]:
    """Every text of the pages in this language at these widths; and what is cut off."""
    context = chromium.new_context(locale=language, timezone_id="Europe/Berlin")
    context.set_default_timeout(15_000)
    page, texts, cut = context.new_page(), {}, []
    try:
        for path in (*STRANGERS, "", *PAGES):
            if not path:
                page.goto(f"{roof.url}/login")
                page.fill("#name", NAME)
                page.fill("#password", PASSWORD)
                page.press("#password", "Enter")
                page.wait_for_url(f"{roof.url}/")
                continue
            for width in widths:
                page.set_viewport_size({"width": width, "height": 900})
                page.goto(roof.url + path)
                if path in LATE:
                    page.locator(LATE[path], has_text=re.compile(r"\w")).first.wait_for()
                texts[path] = texts.get(path, set()) | set(page.evaluate(READ))
                cut += [f"{path} at {width}: {what}" for what in page.evaluate(CUT)]
    finally:
        context.close()
    return texts, cut


def sentences(texts: set[str]) -> set[str]:
    """Those of at least two words in Latin letters."""
    return {
        text
        for text in texts
        if re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", text) and not NAMES.fullmatch(text)
    }


@pytest.fixture(scope="module")
def english(chromium: Any, roof: Any) -> dict[str, set[str]]:
    return tour(chromium, roof, "en-GB", (1280,))[0]


@pytest.mark.slow
@pytest.mark.parametrize(("language", "code"), [("es-ES", "es"), ("zh-CN", "zh-hans")])
def test_pages_speak_no_english(
    chromium: Any, roof: Any, english: dict[str, set[str]], language: str, code: str
) -> None:
    texts, cut = tour(chromium, roof, language)
    assert cut == []
    left = {path: sentences(texts[path]) & english[path] - LABELS for path in texts}
    assert {path: found for path, found in left.items() if found} == {}
    assert sum(len(sentences(found)) for found in english.values()) > 150


@pytest.mark.slow
def test_live_numbers_and_dates_are_written_in_the_language(chromium: Any, roof: Any) -> None:
    """The account's language, not the browser's; and what is sent stays as programs read it."""
    context = chromium.new_context(locale="en-GB", timezone_id="Europe/Berlin")
    context.set_default_timeout(15_000)
    page = context.new_page()
    try:
        page.goto(f"{roof.url}/login")
        page.get_by_role("button", name="Deutsch").click()
        page.wait_for_selector('html[lang="de"]')
        page.fill("#name", NAME)
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        page.wait_for_url(f"{roof.url}/")
        card = page.locator(".card", has_text="inverter").first
        card.locator("[data-age]", has_text="vor ").wait_for()
        assert page.locator("#summary").text_content().endswith(("frisch", "verspätet", "verloren"))
        volts = card.locator('[data-channel="battery_voltage"]').first
        assert re.fullmatch(r"\d+,\d+", volts.text_content().strip())
        page.goto(f"{roof.url}/instruments/greenhouse-roof/inverter")
        page.locator("#plot-status", has_text=re.compile(r"\d\.\d{3} Werte")).wait_for()
        assert "." in page.locator("#csv").get_attribute("href")
        page.locator("#custom summary").click()
        assert re.fullmatch(r"[\d-]+T[\d:]+", page.locator("#from").input_value())
    finally:
        context.close()
