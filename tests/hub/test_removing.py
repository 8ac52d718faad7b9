"""Saved plots and dashboards that are removed, and taken back within a day."""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from .apiworld import Person, settled
from .conftest import Hub

API = "/api/v1"
QUERY = "curve=roof%2Finverter%3Apv_power"


@pytest.fixture
def user(name: str) -> Any:
    from fieldstation.hub.accounts.models import User

    return User.objects.get(username=name)


@pytest.fixture
def owner(hub: Hub, station: Any) -> Iterator[Person]:
    with settled(hub, station) as person:
        station.send()
        yield person


def press(client: httpx.Client, page: str, button: str) -> httpx.Response:
    """Send the form of the page that has this button, and only what the form itself has."""
    text = client.get(page).text
    for action, inside in re.findall(r'<form[^>]* action="([^"]+)">(.*?)</form>', text, re.DOTALL):
        if re.search(rf"<button[^>]*>{re.escape(button)}<", inside):
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', inside))
            return client.post(html.unescape(action), data=fields)
    raise AssertionError(f"{page} has no button {button}: {text}")


def board_with_plots(user: Any) -> Any:
    """A dashboard with two plots, arranged twice."""
    from fieldstation.hub.plots import boards, keeping

    plots = [str(keeping.save(user, QUERY, name).pk) for name in ("One", "Two")]
    board = boards.add(user, "Roof & <garden>")
    boards.arrange(board, [{"plot": plots[0], "wide": 2, "tall": 3}])
    boards.arrange(board, [{"plot": plot, "wide": 1, "tall": 1} for plot in plots])
    return board


def long_ago(one: Any) -> None:
    """Its day is over; no chore came by yet."""
    from django.utils import timezone

    before = timezone.now() - timedelta(days=1, seconds=1)
    type(one).objects.filter(pk=one.pk).update(removed_at=before)


def test_a_removed_dashboard_comes_back_as_it_was(person: httpx.Client, user: Any) -> None:
    board = board_with_plots(user)
    address = f"/dashboards/{board.pk}"
    after = press(person, address, "Remove").headers["location"]
    assert "“Roof &amp; &lt;garden&gt;” was removed." in person.get(after).text
    for path in (address, f"{address}/wall"):
        assert person.get(path).status_code == 404
    assert f'href="{address}"' not in person.get("/dashboards").text
    assert press(person, after, "Undo").headers["location"] == address
    kept = type(board).objects.get(pk=board.pk)
    assert (kept.name, kept.tiles, kept.earlier) == (board.name, board.tiles, board.earlier)
    assert person.get("/dashboards").headers["location"] == address
    assert "was removed" not in person.get(after).text


def test_who_left_the_page_brings_it_back_from_the_list(person: httpx.Client, user: Any) -> None:
    from fieldstation.hub.plots import keeping

    board, plot = board_with_plots(user), keeping.save(user, QUERY, "Third")
    press(person, f"/dashboards/{board.pk}", "Remove")
    press(person, "/dashboards?list", "Bring back")
    assert person.get(f"/dashboards/{board.pk}").status_code == 200
    keeping.remove(plot)
    assert press(person, "/plots", "Bring back").status_code == 302
    assert keeping.own_plot(user, plot.pk).name == "Third"


def test_an_undo_without_the_token_of_the_form_is_refused(person: httpx.Client, user: Any) -> None:
    from fieldstation.hub.plots import boards

    board = boards.add(user, "Roof")
    boards.remove(board)
    assert person.post(f"/dashboards/{board.pk}/restore").status_code == 403
    assert person.get(f"/dashboards/{board.pk}").status_code == 404


def test_pressed_twice_undo_does_no_harm(person: httpx.Client, user: Any) -> None:
    from fieldstation.hub.plots import boards, keeping

    board, plot = boards.add(user, "Roof"), keeping.save(user, QUERY, "One")
    boards.remove(board)
    keeping.remove(plot)
    for _ in range(2):
        assert boards.restore(user, board.pk).removed_at is None
        assert keeping.restore(user, plot.pk).removed_at is None
    assert boards.own_board(user, board.pk).is_default


def test_the_removed_of_somebody_else_do_not_exist(
    person: httpx.Client, user: Any, new_person: Any
) -> None:
    board = board_with_plots(user)
    after = press(person, f"/dashboards/{board.pk}", "Remove").headers["location"]
    stranger = new_person()
    assert "Roof" not in stranger.get(after).text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', stranger.get(after).text)
    assert token
    form = {"csrfmiddlewaretoken": token[1]}
    assert stranger.post(f"/dashboards/{board.pk}/restore", data=form).status_code == 404
    assert person.get(f"/dashboards/{board.pk}").status_code == 404


def test_after_a_day_nothing_can_be_undone(person: httpx.Client, user: Any) -> None:
    """Also in the hour before the chores erase it."""
    from fieldstation.hub.plots import boards, keeping

    board, plot = boards.add(user, "Roof"), keeping.save(user, QUERY, "One")
    pages: dict[str, Any] = {
        f"/dashboards?list&undo={board.pk}": board,
        f"/plots?undo={plot.pk}": plot,
    }
    boards.remove(board)
    keeping.remove(plot)
    tokens = {page: person.get(page).text for page in pages}
    for page, one in pages.items():
        long_ago(one)
        assert one.name not in person.get(page).text
        [action] = re.findall(r'action="([^"]+/restore)"', tokens[page])
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', tokens[page])
        assert token
        late = person.post(action, data={"csrfmiddlewaretoken": token[1]})
        assert (late.status_code, "too long ago" in late.text) == (400, True)


def test_the_place_of_a_removed_dashboard_is_free_at_once(user: Any) -> None:
    from fieldstation.errors import BadRequest
    from fieldstation.hub.plots import boards

    made = [boards.add(user, f"{number}") for number in range(boards.MOST_BOARDS)]
    boards.remove(made[0])
    again = boards.add(user, made[0].name)
    with pytest.raises(BadRequest, match="as many dashboards"):
        boards.restore(user, made[0].pk)
    boards.remove(again)
    assert boards.restore(user, made[0].pk).name == again.name


def test_the_place_of_a_removed_plot_is_free_at_once(
    user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.errors import BadRequest
    from fieldstation.hub.plots import keeping

    monkeypatch.setattr(keeping, "MOST_SAVED", 2)
    first, _ = (keeping.save(user, QUERY, name) for name in ("a", "b"))
    keeping.remove(first)
    again = keeping.save(user, QUERY, "a")
    with pytest.raises(BadRequest, match="2 plots already"):
        keeping.restore(user, first.pk)
    keeping.remove(again)
    assert keeping.restore(user, first.pk).name == "a"


def test_a_default_that_comes_back_leaves_the_one_that_took_its_place(user: Any) -> None:
    from fieldstation.hub.plots import boards

    first = boards.add(user, "First")
    boards.remove(first)
    second = boards.add(user, "Second")
    assert second.is_default
    assert not boards.restore(user, first.pk).is_default
    third = boards.add(user, "Third")
    boards.remove(second)
    boards.make_default(third)
    boards.remove(third)
    assert not boards.restore(user, second.pk).is_default
    assert boards.restore(user, third.pk).is_default


def test_a_plot_comes_back_to_its_place_on_the_dashboard(user: Any) -> None:
    from fieldstation.hub.plots import boards, keeping

    board = board_with_plots(user)
    first = keeping.own_plot(user, board.tiles[0]["plot"])
    keeping.remove(first)
    names = [tile["name"] for tile in boards.shown(board, boards.plots_of(user))]
    assert names == ["Two"]
    keeping.restore(user, first.pk)
    names = [tile["name"] for tile in boards.shown(board, boards.plots_of(user))]
    assert names == ["One", "Two"]


def test_only_so_many_removals_can_be_undone(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldstation.hub.plots import keeping, removing

    monkeypatch.setattr(removing, "MOST_REMOVED", 2)
    kept, *gone = [keeping.save(user, QUERY, name) for name in "abcd"]
    for plot in gone:
        keeping.remove(plot)
    assert [plot.name for plot in user.plots.all()] == ["a", "c", "d"]
    assert keeping.own_plot(user, kept.pk).name == "a"


def test_a_link_outlives_the_plot_that_it_was_made_from(
    owner: Person, anyone: httpx.Client
) -> None:
    client = owner.program()
    plot = client.post(f"{API}/plots", json={"query": owner.query, "name": "Roof"}).json()
    link = client.post(f"{API}/shares", json={"query": plot["query"], "days": 1}).json()["link"]
    assert client.delete(f"{API}/plots/{plot['id']}").status_code == 204
    assert anyone.get(link).status_code == 200


@pytest.mark.parametrize("kind", ["plots", "dashboards"])
def test_a_program_removes_and_takes_back(owner: Person, kind: str) -> None:
    client = owner.program()
    body = {"query": owner.query, "name": "Roof"} if kind == "plots" else {"name": "Roof"}
    made = client.post(f"{API}/{kind}", json=body).json()
    assert (made["removed"], made["undo_until"]) == (None, None)
    at = f"{API}/{kind}/{made['id']}"
    assert client.delete(at).status_code == 204
    assert (client.get(at).status_code, client.delete(at).status_code) == (404, 404)
    assert client.get(f"{API}/{kind}").json()[kind] == []
    [gone] = client.get(f"{API}/{kind}", params={"removed": True}).json()[kind]
    assert gone["id"] == made["id"]
    assert gone["removed"] < gone["undo_until"]
    back = client.post(f"{at}/restore")
    assert back.json() == made
    assert back.headers["etag"] == client.get(at).headers["etag"]
    assert client.get(f"{API}/{kind}", params={"removed": True}).json()[kind] == []


@pytest.mark.parametrize("kind", ["plots", "dashboards"])
def test_a_program_that_comes_too_late_is_told(owner: Person, kind: str) -> None:
    client = owner.program()
    body = {"query": owner.query, "name": "Roof"} if kind == "plots" else {"name": "Roof"}
    made = client.post(f"{API}/{kind}", json=body).json()
    client.delete(f"{API}/{kind}/{made['id']}")
    long_ago(getattr(owner.user, kind).get())
    assert client.get(f"{API}/{kind}", params={"removed": True}).json()[kind] == []
    late = client.post(f"{API}/{kind}/{made['id']}/restore")
    assert (late.status_code, "too long ago" in late.json()["detail"]) == (400, True)


def test_a_removed_dashboard_is_changed_by_nobody(owner: Person) -> None:
    client = owner.program()
    at = f"{API}/dashboards/{client.post(f'{API}/dashboards', json={'name': 'b'}).json()['id']}"
    client.delete(at)
    for method, path, body in (
        ("PATCH", at, {"name": "c"}),
        ("PUT", f"{at}/tiles", {"tiles": []}),
        ("POST", f"{at}/undo", None),
        ("POST", f"{at}/default", None),
    ):
        assert client.request(method, path, json=body).status_code == 404


def test_removed_ones_are_in_the_copy_of_an_account_and_go_with_it(owner: Person) -> None:
    from django.utils import timezone

    from fieldstation.hub.accounts import leaving
    from fieldstation.hub.accounts.models import User
    from fieldstation.hub.plots import boards, keeping
    from fieldstation.hub.plots.models import Dashboard, SavedPlot

    user = owner.user
    board = board_with_plots(user)
    plot = keeping.own_plot(user, board.tiles[0]["plot"])
    boards.remove(board)
    keeping.remove(plot)
    answer = owner.program().post(f"{API}/account/export")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        belongings = json.loads(archive.read("account.json"))
    [told] = belongings["plots.dashboard"]
    assert (told["tiles"], told["removed_at"] is None) == (board.tiles, False)
    named = {row["name"]: row["removed_at"] is None for row in belongings["plots.savedplot"]}
    assert named == {"One": False, "Two": True}
    User.objects.filter(pk=user.pk).update(delete_after=timezone.now())
    leaving.carry_out(timezone.now())
    assert not Dashboard.objects.filter(pk=board.pk).exists()
    assert not SavedPlot.objects.filter(pk=plot.pk).exists()
