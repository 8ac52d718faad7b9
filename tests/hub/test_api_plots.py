"""Pictures, saved plots, dashboards, links and notes by the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .apiworld import Person, settled

API = "/api/v1"
START_US = 1_777_600_000_000_000  # 2026-05-01T01:46:40Z


@pytest.fixture
def owner(hub: Any, station: Any) -> Iterator[Person]:
    with settled(hub, station) as person:
        rows = [(50 + n / 10, n, 1, True, "") for n in range(100)]
        station.send(rows, start_us=START_US, step_us=60_000_000)
        yield person


@pytest.fixture
def client(owner: Person) -> httpx.Client:
    return owner.program()


def test_a_picture_is_a_file_of_its_form(client: httpx.Client, owner: Person) -> None:
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for form, begin in begins.items():
        answer = client.get(f"{API}/picture.{form}?{owner.query}&width=300&height=200")
        assert (answer.status_code, answer.content[: len(begin)]) == (200, begin)
    assert client.get(f"{API}/picture.gif?{owner.query}").status_code == 422
    assert client.get(f"{API}/picture.png").status_code == 422
    assert client.get(f"{API}/picture.png?{owner.query}&style=loud").status_code == 400


def test_data_of_a_plot_and_its_days_have_the_described_shape(
    client: httpx.Client, owner: Person
) -> None:
    from fieldstation.hub.api import plots_shapes

    query = f"{owner.query}&curve={owner.station.slug}%2Finverter%3Amode&compare=1d"
    data = client.get(f"{API}/plot-data?{query}").json()
    assert set(data) == {"from", "to", "zone", "curves", "lanes", "gaps", "notes"}
    read = plots_shapes.PlotData.model_validate(data)
    assert [curve.figures.n for curve in read.curves] == [100, 0]
    assert set(data["curves"][0]) == set(plots_shapes.PlotCurve.model_fields)
    assert set(data["lanes"][0]) == set(plots_shapes.PlotLane.model_fields)
    days = client.get(f"{API}/day-totals?{owner.query}").json()
    assert plots_shapes.DayTotals.model_validate(days).zone == "Europe/Berlin"
    assert sum(day["n"] for day in days["curves"][0]["days"]) == 100
    assert set(days["curves"][0]["days"][0]) == set(plots_shapes.DayFigures.model_fields)


def test_a_plot_is_kept_changed_removed_and_brought_back(
    client: httpx.Client, owner: Person
) -> None:
    made = client.post(f"{API}/plots", json={"query": owner.query, "name": "Roof"}).json()
    at = f"{API}/plots/{made['id']}"
    assert client.get(at).json() == made
    changed = client.patch(at, json={"query": f"{owner.query}&title=New"}).json()
    assert (changed["name"], "title=New" in changed["query"]) == ("Roof", True)
    assert client.patch(at, json={"query": "curve=nothing"}).status_code == 400
    assert client.delete(at).status_code == 204
    assert client.get(at).status_code == 404
    gone = client.get(f"{API}/plots", params={"removed": True}).json()["plots"]
    assert [row["id"] for row in gone] == [made["id"]]
    assert client.post(f"{at}/restore").json() == changed
    nameless = client.post(f"{API}/plots", json={"query": f"{owner.query}&title=Named"})
    assert nameless.json()["name"] == "Named"


def test_a_change_of_what_changed_meanwhile_is_refused(client: httpx.Client, owner: Person) -> None:
    plot = client.post(f"{API}/plots", json={"query": owner.query, "name": "a"}).json()["id"]
    board = client.post(f"{API}/dashboards", json={"name": "b"}).json()["id"]
    tiles = {"tiles": [{"plot": plot}]}
    for at, method, change, body in (
        (f"{API}/plots/{plot}", "PATCH", f"{API}/plots/{plot}", {"name": "c"}),
        (f"{API}/dashboards/{board}", "PUT", f"{API}/dashboards/{board}/tiles", tiles),
    ):
        first = {"If-Match": client.get(at).headers["etag"]}
        done = client.request(method, change, json=body, headers=first)
        assert done.status_code == 200
        assert done.headers["etag"] == client.get(at).headers["etag"]
        late = client.request(method, change, json=body, headers=first)
        assert (late.status_code, late.json()["code"]) == (412, "changed-meanwhile")
        assert client.delete(at, headers=first).status_code == 412
        assert client.request(method, change, json=body, headers={"If-Match": "*"}).is_success
        now = {"If-Match": f'"other", {client.get(at).headers["etag"]}'}
        assert client.request(method, change, json=body, headers=now).is_success


def test_a_dashboard_is_arranged_and_the_arrangement_before_comes_back(
    client: httpx.Client, owner: Person
) -> None:
    plots = [
        client.post(f"{API}/plots", json={"query": owner.query, "name": name}).json()["id"]
        for name in ("a", "b")
    ]
    made = client.post(f"{API}/dashboards", json={"name": " Wall "}).json()
    assert (made["name"], made["default"], made["tiles"]) == ("Wall", True, [])
    at = f"{API}/dashboards/{made['id']}"
    tiles = [{"plot": plots[1], "wide": 9, "tall": 2}, {"plot": plots[0]}]
    arranged = client.put(f"{at}/tiles", json={"tiles": tiles}).json()
    assert [(t["name"], t["wide"], t["tall"]) for t in arranged["tiles"]] == [
        ("b", 4, 2),
        ("a", 1, 1),
    ]
    foreign = {"tiles": [{"plot": made["id"]}]}
    assert client.put(f"{at}/tiles", json=foreign).status_code == 400
    crowd = {"tiles": [{"plot": plots[0]}] * 25}
    assert client.put(f"{at}/tiles", json=crowd).status_code == 400
    assert client.post(f"{at}/undo").json()["tiles"] == []
    other = client.post(f"{API}/dashboards", json={}).json()
    assert other["default"] is False
    assert client.post(f"{API}/dashboards/{other['id']}/default").json()["default"] is True
    assert client.get(at).json()["default"] is False
    assert client.patch(at, json={"name": "Hall"}).json()["name"] == "Hall"
    assert client.delete(at).status_code == 204
    assert client.get(at).status_code == 404


def test_a_link_shows_the_picture_until_it_is_revoked(
    client: httpx.Client, owner: Person, anyone: httpx.Client
) -> None:
    made = client.post(f"{API}/shares", json={"query": owner.query, "days": 1}).json()
    assert anyone.get(made["link"]).status_code == 200
    listed = client.get(f"{API}/shares").json()["shares"]
    assert [row["id"] for row in listed] == [made["id"]]
    assert made["link"].rpartition("/")[2] not in str(listed)
    ended = client.delete(f"{API}/shares/{made['id']}").json()
    assert (ended["revoked"] is None, anyone.get(made["link"]).status_code) == (False, 404)
    assert client.post(f"{API}/shares", json={"query": owner.query, "days": 2}).status_code == 400
    foreign = {"query": "curve=nowhere%2Fx%3Ay"}
    assert client.post(f"{API}/shares", json=foreign).status_code == 404


def test_a_note_stands_on_the_time_axis_until_it_is_taken_away(
    client: httpx.Client, owner: Person
) -> None:
    place = {"gateway": owner.station.slug, "instrument": "inverter"}
    # Local time of the site, which is two hours ahead of UTC in May.
    made = client.post(f"{API}/notes", json=place | {"at": "2026-05-01T04:00", "text": " hail "})
    assert (made.json()["at"], made.json()["text"]) == ("2026-05-01T02:00:00.000000Z", "hail")
    data = client.get(f"{API}/plot-data?{owner.query}").json()
    assert [note["text"] for note in data["notes"]] == ["hail"]
    assert client.get(f"{API}/notes", params=place).json()["notes"] == [made.json()]
    at = f"{API}/notes/{made.json()['id']}"
    assert (client.delete(at).status_code, client.delete(at).status_code) == (204, 404)
    assert client.post(f"{API}/notes", json=place | {"text": " "}).status_code == 400
