"""What people see, as HTML: hostile words stay words, headers guard, dead ends say what to do."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from fieldstation.model import Channel, Kind, Layout

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}{% load %}"
HOSTILE_LAYOUT = Layout(
    "axpert",
    "status",
    (
        Channel("voltage", Kind.NUMBER, HOSTILE[:40], HOSTILE, headline=True),
        Channel("mode", Kind.ENUM, label=HOSTILE, codes={1: HOSTILE}, headline=True),
        Channel("note", Kind.TEXT, label="</script><script>alert(2)</script>", headline=True),
    ),
)


class Nodes(HTMLParser):
    """Tags and attributes of a page, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def nodes(page: str) -> Nodes:
    found = Nodes()
    found.feed(page)
    return found


@pytest.fixture
def hostile(station: Any) -> str:
    """The page of an instrument whose every word is an attack."""
    station.send([(1.5, 1, HOSTILE)], layout=HOSTILE_LAYOUT, instrument="trap")
    return f"/instruments/{station.slug}/trap"


def test_hostile_words_become_no_elements(person: httpx.Client, hostile: str) -> None:
    for path in ("/", hostile):
        page = nodes(person.get(path).text)
        assert page.tags.count("img") == 1  # the mark in the bar
        assert not [name for name in page.attributes if name.startswith("on")]
        assert page.tags.count("script") == (1 if path == "/" else 2)
        assert any(HOSTILE in words for words in page.words)


def test_template_language_in_names_is_not_run(person: httpx.Client, hostile: str) -> None:
    assert "{{7*7}}" in person.get(hostile).text


@pytest.mark.parametrize("path", ["/login", "/", "/nothing", "HOSTILE"])
def test_pages_hold_nothing_inline_and_nothing_foreign(
    person: httpx.Client, hostile: str, path: str
) -> None:
    answer = person.get(hostile if path == "HOSTILE" else path, follow_redirects=True)
    page = nodes(answer.text)
    assert "style" not in page.tags + page.attributes
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cache-control", "no-store"),
    ],
)
def test_guarding_headers_are_on_every_answer(
    person: httpx.Client, header: str, value: str
) -> None:
    for path in ("/", "/login", "/nothing", "/api/v1/instruments", "/api/v1/nothing", "/healthz"):
        assert person.get(path).headers[header] == value, path


def test_every_page_has_title_language_skip_link_and_main(
    person: httpx.Client, hostile: str
) -> None:
    titles = []
    for path in ("/", hostile, "/nothing"):
        text = person.get(path).text
        titles.append(text.partition("<title>")[2].partition("</title>")[0])
        assert '<html lang="en"' in text
        assert '<a class="skip" href="#main">' in text
        assert '<main id="main"' in text
    assert len(set(titles)) == 3


def test_missing_page_says_what_to_do(person: httpx.Client) -> None:
    answer = person.get("/instruments/nobody/nothing")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "To all instruments" in answer.text


def test_a_defect_shows_a_calm_page_and_no_trace(
    person: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub.instruments import pages

    def defect() -> int:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(pages, "_now_ms", defect)
    answer = person.get("/")
    assert answer.status_code == 500
    assert "No reading is lost by this" in answer.text
    assert "secret detail" not in answer.text


def test_foreign_host_name_is_refused(hub: Any, person: httpx.Client) -> None:
    answer = person.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "evil.example" not in answer.text


def test_state_is_a_word_not_only_a_colour(person: httpx.Client, station: Any) -> None:
    station.send(start_us=1_780_000_000_000_000)
    page = person.get(f"/instruments/{station.slug}/inverter").text
    badge = page.partition('class="badge"')[2].partition("</p>")[0]
    assert badge.endswith(">lost")


def test_empty_dashboard_says_what_to_do_next(
    person: httpx.Client, station: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub.instruments import pages
    from fieldstation.hub.stations.models import Gateway

    monkeypatch.setattr(pages, "all_instruments", lambda store, gateways: [])
    page = person.get("/").text
    assert "Waiting for the first reading" in page
    assert station.name in page
    monkeypatch.setattr(Gateway, "objects", Gateway.objects.none())
    assert "No station is registered yet" in person.get("/").text


def test_django_takes_no_body_beyond_the_limit(hub: Any, anyone: httpx.Client) -> None:
    token = hub.token(anyone)
    form = {"csrfmiddlewaretoken": token, "name": "x" * 1_300_000, "password": "y"}
    try:
        status = anyone.post("/login", data=form).status_code
    except httpx.TransportError:
        status = 413
    assert status == 413


def test_robots_are_turned_away(anyone: httpx.Client) -> None:
    assert anyone.get("/robots.txt").text == "User-agent: *\nDisallow: /\n"


def test_health_needs_no_session(anyone: httpx.Client) -> None:
    answer = anyone.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert not answer.headers.get_list("set-cookie")


def test_static_files_are_immutable_and_compressed(anyone: httpx.Client) -> None:
    page = anyone.get("/login").text
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = anyone.get(address)
    assert answer.headers["content-type"].startswith("text/css; charset=")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    plain = anyone.get(address, headers={"Accept-Encoding": "identity"})
    assert plain.text == answer.text
    assert "content-encoding" not in plain.headers


def test_pages_travel_compressed_and_the_exact_bytes_of_the_api_do_not(
    person: httpx.Client, station: Any
) -> None:
    page = person.get("/")
    assert page.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in page.headers["vary"]
    plain = person.get("/", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert "</html>" in plain.text
    answer = person.get("/api/v1/openapi.json")
    assert "content-encoding" not in answer.headers
    with person.stream("GET", "/events") as stream:
        assert "content-encoding" not in stream.headers


@pytest.mark.parametrize(
    "path", ["/static/x/hub/base.css", "{}../settings.py", "{}%2e%2e/settings.py", "{}", "{}hub"]
)
def test_no_path_leaves_the_static_folder(anyone: httpx.Client, path: str) -> None:
    page = anyone.get("/login").text
    root = page.partition('rel="stylesheet" href="')[2].partition("hub/base.css")[0]
    assert anyone.get(path.format(root)).status_code == 404
