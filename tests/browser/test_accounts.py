"""Accounts and sites in a real browser: a site is made, shared and joined; nothing overflows."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

SIZES = ((1280, 900), (390, 844))
TABLES = "/operator/admin/"
SIGNED_IN = (
    "/account", "/sites", "/sites/home", "/sites/home/log", "/operator",
    TABLES, f"{TABLES}accounts/user/", f"{TABLES}sites/auditentry/", f"{TABLES}stations/gateway/",
)  # fmt: skip
OUTSIDE = ("/login", "/password/forgotten")


def fits(page: Any) -> bool:
    """Whether nothing sticks out to the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("size", SIZES)
def test_pages_fit_wide_and_narrow_windows(visits: Any, size: tuple[int, int]) -> None:
    visit = visits(viewport={"width": size[0], "height": size[1]})
    for path in OUTSIDE:
        visit.page.goto(visit.base + path)
        assert visit.page.locator("h1").count() == 1
        assert fits(visit.page), path
    visit.sign_in()
    visit.page.get_by_role("link", name="Account of").click()
    visit.page.wait_for_url("**/account")
    for path in SIGNED_IN:
        visit.page.goto(visit.base + path)
        assert visit.page.locator("h1").count() >= 1
        assert fits(visit.page), path
        inside = (
            "[...document.querySelectorAll('.block')].every(b => b.scrollWidth <= b.clientWidth)"
        )
        assert visit.page.evaluate(inside), path


def test_the_operator_changes_a_row_of_a_table(visit: Any) -> None:
    page = visit.page
    page.goto(f"{visit.base}/operator")
    page.get_by_role("link", name="as tables").click()
    page.get_by_role("link", name="Sites", exact=True).last.click()
    page.get_by_role("link", name="Home", exact=True).last.click()
    page.get_by_label("Time zone").select_option("Europe/Lisbon")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was changed successfully").wait_for()
    page.goto(f"{visit.base}/sites/home/log")
    assert page.get_by_text("time_zone: Europe/Lisbon").count() == 1


def test_a_site_is_made_shared_and_joined(visit: Any, visits: Any) -> None:
    page = visit.page
    page.goto(f"{visit.base}/operator")
    page.get_by_label("Sign-up").select_option("invited")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Sites", exact=True).click()
    page.get_by_label("Name").fill("School garden")
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_role("button", name="Make the site").click()
    page.get_by_role("heading", name="School garden").wait_for()
    page.get_by_label("Role", exact=True).select_option("viewer")
    page.get_by_role("button", name="Invite").click()
    link = page.locator("#link").inner_text()

    friend = visits(viewport={"width": 390, "height": 844}).page
    friend.goto(link)
    friend.get_by_role("link", name="Make an account").click()
    friend.get_by_label("User name").fill("grace")
    friend.get_by_label("Password, at least").fill("a short way to the hill")
    friend.get_by_role("button", name="Make the account").click()
    friend.get_by_role("button", name="Join").click()
    friend.get_by_role("heading", name="School garden").wait_for()
    assert fits(friend)
    friend.goto(visit.base)
    assert friend.locator("[data-instrument]").count() == 0


def test_a_token_is_made_with_the_keyboard_and_shown_once(visit: Any) -> None:
    page = visit.page
    page.goto(f"{visit.base}/account")
    page.get_by_label("Name").focus()
    page.keyboard.type("notebook")
    page.keyboard.press("Enter")
    assert page.locator("#token").inner_text().startswith("fst_")
    page.goto(f"{visit.base}/account")
    assert page.locator("#token").count() == 0
    assert page.get_by_text("notebook").count() == 1
