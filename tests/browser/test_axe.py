"""Every page for everybody: axe-core finds nothing serious, wide and narrow, light and dark.

axe-core is looked for in `frontend/node_modules`; `npm ci` there fetches the pinned one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

AXE = Path(
    os.environ.get("AXE_CORE")
    or Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"
)
PAGES = (
    "/", "/instruments/greenhouse-roof/inverter", "/gateways", "/gateways/greenhouse-roof",
    "/add-gateway", "/plots",
    "/plots?curve=greenhouse-roof%2Finverter%3Apv_power",
    "/plots/links", "/dashboards?list", "/sensors", "/sensors/register", "/sites", "/sites/home",
    "/sites/home/log", "/account", "/operator", "/old-site", "/about", "/home", "/api/v1/docs",
    "/nothing-here",
)  # fmt: skip
STRANGERS = ("/login", "/password/forgotten", "/sign-up", "/join/nothing", "/shared/nothing")
RUN = """() => axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations
  .filter(one => ["serious", "critical"].includes(one.impact))
  .flatMap(one => one.nodes.map(node => one.id + " at " + node.target.join(" ") + ": "
    + node.any.map(each => each.message).join(" "))))"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: cd frontend; npm ci"),
]


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [(1280, "light", "en"), (390, "light", "de"), (1280, "dark", "zh-CN"), (390, "dark", "es")],
)
def test_nothing_serious_on_any_page(
    chromium: Any, roof: Any, width: int, scheme: str, language: str
) -> None:
    """Long German words make no page wider than a phone."""
    size = {"width": width, "height": 900}
    # Past the policy of the page only for axe itself, which the page would not load.
    context = chromium.new_context(
        viewport=size, color_scheme=scheme, locale=language, bypass_csp=True
    )
    context.set_default_timeout(15_000)
    context.add_init_script(path=str(AXE))
    page = context.new_page()
    found = {}
    try:
        for path in (*STRANGERS, "", *PAGES):
            if not path:
                sign_in(page, roof.url)
                continue
            page.goto(roof.url + path, wait_until="load")
            found[path] = page.evaluate(RUN) + page.evaluate(
                "() => document.documentElement.scrollWidth > innerWidth ? ['too wide'] : []"
            )
    finally:
        context.close()
    assert {path: faults for path, faults in found.items() if faults} == {}


@pytest.mark.parametrize("path", ["/", "/plots", "/sensors/register", "/account", "/sites/home"])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(visit: Any, path: str) -> None:
    visit.page.goto(visit.base + path)
    wanted = visit.page.evaluate(
        """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
        .filter(one => one.checkVisibility() && !one.disabled && one.tabIndex >= 0
          && one.type !== 'hidden' && one.type !== 'radio').length"""
    )
    visit.page.locator("body").press("Tab")
    seen = set()
    for _ in range(3 * wanted + 20):
        told = visit.page.evaluate(
            """() => { const one = document.activeElement;
            if (one === document.body) return null;
            one.dataset.seen ||= String(Math.random());
            const shown = [[one], [one, "::after"], [one.parentElement],
              [one.closest("article, li, label") || one]];
            const ring = shown.map((each) => getComputedStyle(...each))
              .some((style) => style.outlineStyle !== 'none' || style.boxShadow !== 'none');
            const counts = one.type !== 'radio'
              && one.matches('a, button, input, select, textarea, summary');
            return [one.dataset.seen, counts, ring, one.outerHTML.slice(0, 120)]; }"""
        )
        if told is not None:
            assert told[2], f"no ring around {told[3]}"
            seen.update([told[0]] if told[1] else [])
        visit.page.keyboard.press("Tab")
    assert len(seen) >= wanted


def sign_in(page: Any, url: str) -> None:
    page.goto(f"{url}/login")
    page.fill("#name", "ada")
    page.fill("#password", "a long way to the sea")
    page.locator("button.main").click()
    page.wait_for_url(f"{url}/")
