"""Pictures to order over HTTP: page, data, files, saved plots, links, dashboards, notes."""

from __future__ import annotations

import re
import secrets
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from fieldstation.model import Channel, Kind, Layout

BEGIN_US = 1_777_600_000_000_000
PASSWORD = "a long way to the sea"
SPAN = {"start": "2026-05-01T00:00:00Z", "end": "2026-05-02T00:00:00Z"}
SIGNS = {"png": b"\x89PNG\r\n", "svg": b"<?xml", "pdf": b"%PDF-"}


def grant(name: str, slug: str, role: int) -> None:
    """Give a person a role at the site of a gateway; a site of its own the first time."""
    from fieldstation.hub.accounts.models import User
    from fieldstation.hub.sites.models import Membership, Site
    from fieldstation.hub.stations.models import Gateway

    gateway = Gateway.objects.get(slug=slug)
    if gateway.site.slug == "home":
        unique = f"site-{secrets.token_hex(4)}"
        gateway.site = Site.objects.create(name=unique, slug=unique, time_zone="Europe/Berlin")
        gateway.save()
    user = User.objects.get(username=name)
    Membership.objects.update_or_create(site=gateway.site, user=user, defaults={"role": role})


def take_away(name: str) -> None:
    from fieldstation.hub.sites.models import Membership

    Membership.objects.filter(user__username=name).delete()


@pytest.fixture
def curve(station: Any, name: str) -> str:
    """A channel with 600 readings every 10 s from 2026-05-01 on, of which the person is editor."""
    rows = [(50 + n % 7, n, 1 + n % 300 // 150, True, "well") for n in range(600)]
    station.send(rows, start_us=BEGIN_US)
    grant(name, station.slug, 2)
    return f"{station.slug}/inverter:battery_voltage"


def query(*curves: str, **options: Any) -> str:
    return urlencode([("curve", one) for one in curves] + list((SPAN | options).items()))


@pytest.mark.parametrize("form", list(SIGNS))
def test_the_server_draws_png_svg_and_pdf(person: httpx.Client, curve: str, form: str) -> None:
    answer = person.get(f"/plots/picture.{form}?{query(curve)}")
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(SIGNS[form])
    assert answer.headers["content-disposition"] == f'inline; filename="plot.{form}"'


def test_page_data_and_picture_take_the_same_options(person: httpx.Client, curve: str) -> None:
    options = query(curve, style="ggplot", marker="o", interval=30, title="Mine")
    page = person.get(f"/plots?{options}")
    assert page.status_code == 200
    assert 'data-style="ggplot"' in page.text
    link = re.search(r'href="(/plots/picture.png\?[^"]+)"', page.text)
    assert link
    shown = parse_qs(urlsplit(link[1].replace("&amp;", "&")).query)
    assert shown == parse_qs(options)
    [found] = person.get(f"/plots/data.json?{options}").json()["curves"]
    assert found["span_s"] == 1800
    assert found["figures"]["n"] == 600
    assert person.get(f"/plots/picture.png?{options}").status_code == 200


def test_figures_are_those_of_the_span(person: httpx.Client, curve: str) -> None:
    answer = person.get(f"/plots/data.json?{query(curve)}").json()
    [found] = answer["curves"]
    figures = found["figures"]
    assert (figures["n"], figures["min"], figures["max"]) == (600, 50, 56)
    assert figures["mean"] == pytest.approx(sum(50 + n % 7 for n in range(600)) / 600)
    assert figures["last"] == 50 + 599 % 7
    assert answer["zone"] == "Europe/Berlin"
    due = 1_777_680_000 - 1_777_600_000
    assert figures["completeness"] == pytest.approx(600 / (due // 10))


def test_a_state_is_a_lane(person: httpx.Client, curve: str) -> None:
    mode = curve.replace("battery_voltage", "mode")
    answer = person.get(f"/plots/data.json?{query(curve, mode)}").json()
    assert [lane["value"] for lane in answer["lanes"]] == [[1, 2, 1, 2]]
    assert person.get(f"/plots/picture.svg?{query(curve, mode)}").status_code == 200


def test_the_day_before_lies_over_the_day(person: httpx.Client, curve: str) -> None:
    options = query(curve, start="2026-05-02", end="2026-05-03", compare="1d")
    now, before = person.get(f"/plots/data.json?{options}").json()["curves"]
    assert (now["figures"]["n"], before["figures"]["n"]) == (0, 600)
    assert before["earlier"]
    assert before["moved_s"] == 86400
    assert person.get(f"/plots/picture.png?{options}").status_code == 200


def test_two_instruments_lie_in_one_picture(person: httpx.Client, curve: str, station: Any) -> None:
    layout = Layout("json_node", "node", (Channel("celsius", Kind.NUMBER, "°C", "Air"),))
    station.send([(20.5,), (21.5,)], instrument="shed/north", layout=layout, start_us=BEGIN_US)
    other = f"{station.slug}/shed/north:celsius"
    found = person.get(f"/plots/data.json?{query(curve, other)}").json()["curves"]
    assert [one["label"] for one in found] == ["inverter: Battery voltage", "shed/north: Air"]
    assert found[1]["figures"]["mean"] == 21
    assert person.get(f"/plots/picture.png?{query(curve, other)}").status_code == 200


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"interval": "0.5"}, "interval '0.5' is no whole number"),
        ({"interval": "-1"}, "interval '-1' is no whole number"),
        ({"style": "../../etc"}, "style '../../etc' is none of"),
        ({"marker": "x"}, "marker 'x' is none of"),
        ({"start": "2026-02-30"}, "no time that exists"),
        ({"start": "2026-05-03T00:00:00Z"}, "does not lie after"),
        ({"end": "9999-12-31T23:59:59Z"}, "after the year"),
        ({"width": "100000"}, "width '100000' is no whole number"),
        ({"start": "1971-01-01", "interval": "1"}, "choose a longer one"),
        ({"title": "x" * 201}, "title is longer than"),
        ({"compare": "2d"}, "compare '2d' is none of"),
        ({"logarithmic_scale": "maybe"}, "is neither 1 nor 0"),
    ],
)
def test_a_senseless_option_is_named(
    person: httpx.Client, curve: str, options: dict[str, str], words: str
) -> None:
    for path in ("/plots/data.json", "/plots/picture.png"):
        answer = person.get(f"{path}?{query(curve, **options)}")
        assert answer.status_code == 400
        assert words in answer.json()["detail"]


def test_a_senseless_order_gives_the_form_again(person: httpx.Client, curve: str) -> None:
    answer = person.get(f"/plots?{query(curve, interval='soon')}")
    assert answer.status_code == 400
    assert "interval" in answer.text
    assert 'id="order"' in answer.text


def test_too_many_curves_and_texts_are_refused(person: httpx.Client, curve: str) -> None:
    many = [curve.replace("battery_voltage", f"c{n}") for n in range(17)]
    assert person.get(f"/plots/data.json?{query(*many)}").status_code == 400
    text = curve.replace("battery_voltage", "note")
    assert "texts" in person.get(f"/plots/data.json?{query(text)}").json()["detail"]


def test_hostile_words_come_out_as_words(person: httpx.Client, curve: str) -> None:
    hostile = "</text><script>alert(1)</script>--> $\\frac{1}{0}$ \x00 %n"
    options = query(curve, title=hostile, xlabel=hostile, ylabel=hostile, date_format="%Q$%")
    answer = person.get(f"/plots/picture.svg?{options}")
    assert answer.status_code == 200
    assert b"<script" not in answer.content
    assert "<script>alert" not in person.get(f"/plots?{options}").text


def test_a_picture_of_a_foreign_site_does_not_exist(
    person: httpx.Client, curve: str, name: str
) -> None:
    take_away(name)
    for path in ("/plots/data.json", "/plots/days.json", "/plots/picture.png", "/plots"):
        answer = person.get(f"{path}?{query(curve)}")
        assert answer.status_code == (400 if path == "/plots" else 404)
        assert "no gateway" in answer.text
    assert curve not in person.get("/plots").text


def test_nobody_sees_a_picture_without_signing_in(anyone: httpx.Client, curve: str) -> None:
    assert anyone.get(f"/plots/picture.png?{query(curve)}").status_code == 401
    assert anyone.get(f"/plots/data.json?{query(curve)}").status_code == 401
    assert anyone.get("/plots").headers["location"].startswith("/login")


# --- days ---


@pytest.mark.parametrize(
    ("day", "following", "hours"),
    [
        ("2026-03-29", "2026-03-30", 23),
        ("2026-10-25", "2026-10-26", 25),
        ("2026-05-01", "2026-05-02", 24),
    ],
)
def test_days_are_those_of_the_site(
    person: httpx.Client, station: Any, name: str, day: str, following: str, hours: int
) -> None:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    start_us = int(begin.astimezone(UTC).timestamp() * 1e6) - 3_600_000_000
    layout = Layout("axpert", "status", (Channel("load_power", Kind.INTEGER, "W", "Load"),))
    station.send([(100,)] * (6 * 27), layout=layout, start_us=start_us, step_us=600_000_000)
    grant(name, station.slug, 1)
    options = query(f"{station.slug}/inverter:load_power", start=day, end=following)
    answer = person.get(f"/plots/days.json?{options}").json()
    [curve] = answer["curves"]
    [row] = curve["days"]
    assert (row["day"], row["hours"], row["n"]) == (day, hours, 6 * hours)
    assert row["total"] == pytest.approx(100 * hours)
    assert row["completeness"] == 1
    assert curve["total_unit"] == "Wh"


# --- saved plots ---


def token(client: httpx.Client) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/plots").text)
    assert found
    return found[1]


def post(client: httpx.Client, path: str, **form: str) -> httpx.Response:
    return client.post(path, data={"csrfmiddlewaretoken": token(client), **form})


def test_a_saved_plot_opens_is_removed_and_comes_back(person: httpx.Client, curve: str) -> None:
    options = query(curve, style="bmh")
    assert post(person, "/plots/save", name="My <b>plot", query=options).status_code == 302
    page = person.get("/plots").text
    assert "My &lt;b&gt;plot" in page
    saved = re.search(r"/plots/saved/([0-9a-f-]{36})/remove", page)
    assert saved
    where = person.get(f"/plots/saved/{saved[1]}").headers["location"]
    assert parse_qs(urlsplit(where).query) == parse_qs(options)
    undo = post(person, f"/plots/saved/{saved[1]}/remove").headers["location"]
    assert person.get(f"/plots/saved/{saved[1]}").status_code == 404
    assert f"/plots/saved/{saved[1]}/restore" in person.get(undo).text
    post(person, f"/plots/saved/{saved[1]}/restore")
    assert person.get(f"/plots/saved/{saved[1]}").status_code == 302


def test_a_plot_of_somebody_else_does_not_exist(
    hub: Any, person: httpx.Client, curve: str, other: tuple[str, httpx.Client]
) -> None:
    post(person, "/plots/save", name="Mine", query=query(curve))
    page = person.get("/plots").text
    saved = re.search(r"/plots/saved/([0-9a-f-]{36})/remove", page)
    assert saved
    _, stranger = other
    assert stranger.get(f"/plots/saved/{saved[1]}").status_code == 404
    assert post(stranger, f"/plots/saved/{saved[1]}/remove").status_code == 404
    assert person.get(f"/plots/saved/{saved[1]}").status_code == 302


@pytest.fixture
def other(hub: Any) -> Any:
    """Another person: the name, and a client that is signed in."""
    from fieldstation.hub.accounts.signup import create_account

    unique = f"user-{secrets.token_hex(4)}"
    create_account(unique, PASSWORD, f"{unique}@example.org")
    with hub.client() as client:
        hub.sign_in(client, unique, PASSWORD)
        yield unique, client


# --- links ---


def link_to(person: httpx.Client, curve: str, **form: str) -> str:
    answer = post(person, "/plots/share", query=query(curve, title="Shared one"), **form)
    assert answer.status_code == 200, answer.text
    found = re.search(r'id="link" readonly value="http://[^/]+(/shared/[^"]+)"', answer.text)
    assert found
    return found[1]


def test_a_link_shows_its_plot_and_no_more(hub: Any, person: httpx.Client, curve: str) -> None:
    link = link_to(person, curve)
    with hub.client() as stranger:
        assert "Shared one" in stranger.get(link).text
        assert stranger.get(f"{link}/picture.png").content.startswith(SIGNS["png"])
        mode = curve.replace("battery_voltage", "mode")
        more = stranger.get(f"{link}/data.json?{query(mode)}").json()
        assert [one["id"] for one in more["curves"]] == [curve]
        assert more["lanes"] == []
        for path in ("/", "/plots", "/dashboards", "/plots/links"):
            assert stranger.get(path).status_code == 302
        assert stranger.get(f"/plots/data.json?{query(curve)}").status_code == 401
        gateway = curve.partition("/")[0]
        assert stranger.get(f"/api/v1/instruments/{gateway}/inverter").status_code == 401
        assert not stranger.cookies


def test_a_share_link_is_not_in_the_database(hub: Any, person: httpx.Client, curve: str) -> None:
    secret = link_to(person, curve).rpartition("/")[2].encode()
    files = list(hub.data.glob("hub.sqlite3*"))
    assert files
    assert not [file for file in files if secret in file.read_bytes()]


def test_a_revoked_link_and_one_that_is_over_show_nothing(
    hub: Any, person: httpx.Client, curve: str, name: str
) -> None:
    from django.utils import timezone

    from fieldstation.hub.plots.models import Share

    revoked, over = link_to(person, curve), link_to(person, curve, days="1")
    newest = Share.objects.filter(user__username=name).order_by("-created").first()
    assert newest
    newest.valid_until = timezone.now() - timedelta(seconds=1)
    newest.save()
    page = person.get("/plots/links").text
    [still_good] = re.findall(r"/plots/links/[0-9a-f-]{36}/revoke", page)
    assert person.get(revoked).status_code == 200
    assert post(person, still_good).status_code == 302
    with hub.client() as stranger:
        for link in (revoked, over, "/shared/nothing"):
            for path in (link, f"{link}/data.json", f"{link}/picture.svg"):
                assert stranger.get(path).status_code == 404


def test_a_link_ends_with_the_rights_of_its_maker(
    person: httpx.Client, curve: str, name: str
) -> None:
    link = link_to(person, curve)
    assert person.get(link).status_code == 200
    take_away(name)
    assert person.get(link).status_code == 404
    assert person.get(f"{link}/picture.png").status_code == 404


def test_a_link_for_what_one_may_not_see_is_not_made(
    curve: str, other: tuple[str, httpx.Client]
) -> None:
    _, stranger = other
    assert post(stranger, "/plots/share", query=query(curve)).status_code == 404


# --- dashboards ---


def board_of(client: httpx.Client) -> str:
    answer = post(client, "/dashboards/add", name="Roof")
    assert answer.status_code == 302
    return answer.headers["location"]


def tiles(client: httpx.Client, board: str, rows: list[Any]) -> httpx.Response:
    headers = {"X-CSRFToken": token(client)}
    return client.post(f"{board}/arrange", json={"tiles": rows}, headers=headers)


def test_a_dashboard_is_arranged_and_undone(person: httpx.Client, curve: str) -> None:
    for title in ("One", "Two"):
        post(person, "/plots/save", name=title, query=query(curve))
    plots = re.findall(r"/plots/saved/([0-9a-f-]{36})/remove", person.get("/plots").text)
    board = board_of(person)
    first = [{"plot": plots[0], "wide": 2, "tall": 1}, {"plot": plots[1], "wide": 9, "tall": 0}]
    answer = tiles(person, board, first).json()
    assert [(t["name"], t["wide"], t["tall"]) for t in answer["tiles"]] == [
        ("One", 2, 1),
        ("Two", 4, 1),
    ]
    tiles(person, board, [first[1]])
    undone = person.post(f"{board}/undo", headers={"X-CSRFToken": token(person)}).json()
    assert [tile["name"] for tile in undone["tiles"]] == ["One", "Two"]
    assert person.get("/dashboards").headers["location"] == board
    assert "Full screen" in person.get(f"{board}/wall").text


@pytest.mark.parametrize(
    "rows",
    [[{"plot": "nothing", "wide": 1, "tall": 1}], ["x"], [{"plot": []}], 7, [{}], None],
)
def test_a_senseless_arrangement_is_refused(person: httpx.Client, rows: Any) -> None:
    answer = tiles(person, board_of(person), rows)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_a_dashboard_of_somebody_else_does_not_exist(
    person: httpx.Client, other: tuple[str, httpx.Client]
) -> None:
    board = board_of(person)
    _, stranger = other
    assert stranger.get(board).status_code == 404
    assert stranger.get(f"{board}/wall").status_code == 404
    assert tiles(stranger, board, []).status_code == 404


def test_one_dashboard_is_the_default(person: httpx.Client) -> None:
    first, second = board_of(person), board_of(person)
    assert person.get("/dashboards").headers["location"] == first
    post(person, f"{second}/default")
    assert person.get("/dashboards").headers["location"] == second
    post(person, f"{second}/remove")
    assert person.get("/dashboards").status_code == 200


# --- notes ---


def test_an_editor_leaves_a_note_and_a_viewer_reads_it(
    person: httpx.Client, curve: str, other: tuple[str, httpx.Client], name: str
) -> None:
    gateway = curve.partition("/")[0]
    form = {"gateway": gateway, "instrument": "inverter", "text": "Cleaned <the> panels"}
    made = post(person, "/plots/notes", at="2026-05-01T10:00", **form)
    assert made.status_code == 200, made.text
    assert made.json()["at"] == 1_777_622_400  # 08:00 UTC
    reader, stranger = other
    assert post(stranger, "/plots/notes", at="now", **form).status_code == 404
    grant(reader, gateway, 1)
    [note] = stranger.get(f"/plots/data.json?{query(curve)}").json()["notes"]
    assert (note["text"], note["who"], note["removable"]) == ("Cleaned <the> panels", name, False)
    assert post(stranger, "/plots/notes", at="now", **form).status_code == 403
    assert post(stranger, f"/plots/notes/{note['id']}/remove").status_code == 403
    assert person.get(f"/plots/picture.svg?{query(curve)}").status_code == 200
    assert post(person, f"/plots/notes/{note['id']}/remove").status_code == 200
    assert person.get(f"/plots/data.json?{query(curve)}").json()["notes"] == []


# --- the processes that draw ---


@pytest.fixture
def one_picture() -> Any:
    from fieldstation.export.picture import Look, Picture

    return Picture(Look(), 0, 3_600_000_000, "UTC")


def test_a_crowd_is_told_to_come_back(
    hub: Any, one_picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.errors import StoreUnavailable
    from fieldstation.hub.plots import drawing

    begun, go_on = threading.Semaphore(0), threading.Event()

    def slow(self: Any, picture: Any, seconds: float) -> bytes:
        begun.release()
        assert go_on.wait(20)
        return b"drawn"

    monkeypatch.setattr(drawing.Drawer, "draw", slow)
    monkeypatch.setattr(drawing, "MOST_ASKING", drawing.PROCESSES)
    drawers = drawing.Drawers()
    answers: list[bytes] = []
    crowd = [
        threading.Thread(target=lambda: answers.append(drawers.draw(one_picture)))
        for _ in range(drawing.PROCESSES)
    ]
    for one in crowd:
        one.start()
    for _ in crowd:
        assert begun.acquire(timeout=20)
    with pytest.raises(StoreUnavailable, match="Too many pictures"):
        drawers.draw(one_picture)
    go_on.set()
    for one in crowd:
        one.join()
    drawers.close()
    assert answers == [b"drawn"] * drawing.PROCESSES


def test_the_process_that_was_started_ahead_draws(
    hub: Any, one_picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub.plots import drawing

    made: list[Any] = []

    class Counted(drawing.Drawer):
        def __init__(self, cache: Path) -> None:
            super().__init__(cache)
            made.append(self)

    monkeypatch.setattr(drawing, "Drawer", Counted)
    drawers = drawing.Drawers()
    try:
        drawers.warm()
        assert len(made) == 1
        drawers.warm()
        assert drawers.draw(one_picture).startswith(SIGNS["png"])
        assert len(made) == 1
    finally:
        drawers.close()


def test_a_drawing_that_never_ends_is_ended(hub: Any, one_picture: Any) -> None:
    from fieldstation.errors import StoreUnavailable
    from fieldstation.hub.plots.drawing import Drawers

    drawers = Drawers()
    try:
        with pytest.raises(StoreUnavailable):
            drawers.draw(one_picture, seconds=0.0)
        assert drawers.draw(one_picture).startswith(SIGNS["png"])
    finally:
        drawers.close()
