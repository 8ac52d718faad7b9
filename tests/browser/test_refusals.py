"""Pages of refusals, and the page about the API, in wide and narrow windows."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

SIZES = ((1280, 900), (390, 844))


def fits(page: Any) -> bool:
    """Whether nothing sticks out to the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("size", SIZES)
def test_a_refusal_leads_back(visits: Any, size: tuple[int, int]) -> None:
    visit = visits(viewport={"width": size[0], "height": size[1]})
    visit.sign_in()
    answer = visit.page.goto(f"{visit.base}/nowhere")
    assert answer.status == 404
    assert visit.page.locator("h1").inner_text() == "There is no such page (404)"
    assert fits(visit.page)
    # The browser notes the status itself; nothing else may have gone wrong.
    assert ["404" in fault for fault in visit.faults] == [True]
    visit.faults.clear()
    visit.page.get_by_role("link", name="To all instruments").press("Enter")
    visit.page.wait_for_url(f"{visit.base}/")


@pytest.mark.parametrize("size", SIZES)
def test_the_api_is_described_without_scripts(visits: Any, size: tuple[int, int]) -> None:
    visit = visits(viewport={"width": size[0], "height": size[1]}, java_script_enabled=False)
    visit.page.goto(f"{visit.base}/api/v1/docs")
    assert visit.page.locator("h2", has_text="GET /api/v1/instruments").count() >= 5
    visit.page.get_by_role("link", name="GET /api/v1/me").press("Enter")
    assert visit.page.url.endswith("_me")
    assert fits(visit.page)
