"""What the Python client does beyond readings, against a running hub: gateways, sites, sensors,
plots, the account.
"""

from __future__ import annotations

import secrets
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from fieldstation.client import ChangedMeanwhile, Hub, Tile, query_of
from fieldstation.client.wire import MOST_KEPT, Wire
from fieldstation.errors import BadRequest, KeyRejected, NotFound

from ..apiworld import Person, settled

START_US = 1_777_600_000_000_000  # 2026-05-01T01:46:40Z
DAY = {"start": "2026-05-01T00:00:00Z", "end": datetime(2026, 5, 2, tzinfo=UTC)}


@pytest.fixture
def owner(hub: Any, station: Any) -> Iterator[Person]:
    with settled(hub, station) as person:
        rows = [(50 + n / 10, n, 1, True, "") for n in range(100)]
        station.send(rows, start_us=START_US, step_us=60_000_000)
        yield person


@pytest.fixture
def opened(owner: Person, tmp_path: Path) -> Iterator[Callable[[str], Hub]]:
    """Opens the hub with a token of this scope."""
    from fieldstation.hub.accounts import tokens

    hubs: list[Hub] = []

    def open_hub(scope: str = "manage", **more: Any) -> Hub:
        file = tmp_path / f"token-{scope}"
        file.write_text(tokens.make(owner.user, scope, scope, 7)[0], encoding="ascii")
        hubs.append(Hub(owner.hub.url, token_file=file, **more))
        return hubs[-1]

    yield open_hub
    for one in hubs:
        one.close()


@pytest.fixture
def asked(opened: Callable[[str], Hub]) -> Hub:
    return opened("manage")


def test_a_gateway_tells_how_it_stands_and_takes_the_acts_of_an_editor(
    asked: Hub, owner: Person
) -> None:
    (mine,) = asked.gateways()
    assert (mine.gateway, mine.site, mine.revoked) == (owner.station.slug, owner.site, False)
    assert mine.last_seen is not None
    assert (datetime.now(UTC) - mine.last_seen) < timedelta(minutes=5)
    assert mine.revoke().revoked is True
    assert mine.restore() == asked.gateway(mine.gateway)
    pin = asked.add_gateway(f"Barn {owner.site}")
    barn = asked.gateway(pin.gateway)
    assert (len(pin.pin), barn.keyed, barn.state) == (8, None, "never")
    assert barn.pin().pin != pin.pin
    assert barn.change(name=f"Hay {owner.site}").name == f"Hay {owner.site}"
    barn.remove()
    with pytest.raises(NotFound, match="no gateway"):
        asked.gateway(pin.gateway)


def test_holes_events_and_days_of_a_gateway_are_rows_and_columns(asked: Hub, owner: Person) -> None:
    mine = asked.gateway(owner.station.slug)
    assert list(mine.holes()) == []
    assert {event.source for event in mine.events()} <= {"hub", "station"}
    days = mine.calendar(start_day="2026-05-01", end_day="2026-05-02")
    assert (days.day.tolist(), days.stored.tolist()) == ([datetime(2026, 5, 1).date()], [100])  # noqa: DTZ001
    assert np.isnan(days.due).all()
    table = days.pandas()
    assert table.loc["2026-05-01", "stored"] == 100
    assert len(mine.calendar(start_day="2020-01-01", end_day="2020-01-02").pandas()) == 0


def test_a_site_and_its_people(asked: Hub, owner: Person, new_person: Any, hub: Any) -> None:
    made = asked.add_site(f"Hill {secrets.token_hex(4)}", "Asia/Tokyo")
    assert (made.role, made.time_zone) == ("owner", "Asia/Tokyo")
    assert made.change(name="Other").name == asked.site(made.site).name == "Other"
    assert {site.site for site in asked.sites()} == {made.site, owner.site}
    invitation = made.invite("viewer")
    assert made.invitations() == [one for one in made.invitations() if one.id == invitation.id]
    assert invitation.link not in repr(invitation)
    made.withdraw(invitation)
    assert made.invitations() == []
    (me,) = made.members()
    assert (me.name, me.role) == (owner.name, "owner")
    with pytest.raises(BadRequest, match="keeps an owner"):
        made.remove(me)
    assert [act.what for act in made.log(what="invitation")] == [
        "invitation.withdrawn",
        "invitation.made",
    ]


def test_a_sensor_from_its_registration_to_its_end(asked: Hub, owner: Person, hub: Any) -> None:
    made = asked.add_sensor("light", units={"lux": "lx"}, site=owner.site)
    assert made.token.startswith("fsn_")
    assert made.token not in repr(made)
    assert made.latest() is None
    post = f"{hub.url}/api/v1/sensors/{made.id}/readings"
    header = {"Authorization": f"Bearer {made.token}"}
    for lux in (1, 2, 3):
        body = {"lux": lux, "time": f"2026-05-01T00:00:0{lux}Z"}
        assert httpx.post(post, json=body, headers=header).status_code == 200
    assert [one.document["lux"] for one in made.documents(**DAY)] == [1, 2, 3]
    latest = made.latest()
    assert latest is not None
    assert (latest.document["lux"], latest.at.second) == (3, 3)
    span = made.delete_span("2026-05-01T00:00:02Z", "2026-05-01T00:00:03Z")
    assert [one.document["lux"] for one in made.documents(**DAY)] == [1, 3]
    made.restore_span(span)
    assert (made.spans(), len(list(made.documents(**DAY)))) == ([], 3)
    assert made.change(description="on the roof").description == "on the roof"
    assert made.renew_token().token != made.token
    made.revoke_token()
    gone = made.delete()
    assert gone.undo_until is not None
    assert asked.sensors() == []
    assert [one.id for one in asked.sensors(deleted=True)] == [made.id]
    assert made.restore().deleted is None


def test_a_picture_its_curves_and_its_days(asked: Hub, owner: Person, tmp_path: Path) -> None:
    curve = f"{owner.station.slug}/inverter:battery_voltage"
    drawing = asked.plots.drawing(curve, **DAY, compare="1d", width=300, height=200, title="a b")
    size = drawing.picture(tmp_path / "roof.png")
    assert (tmp_path / "roof.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "roof.png").stat().st_size == size
    with pytest.raises(BadRequest, match="ends in none of"):
        drawing.picture(tmp_path / "roof.gif")
    assert int(drawing.curves()[curve].n.sum()) == 100
    days = drawing.days()[curve]
    assert (int(days.n.sum()), days.total_unit) == (100, "Vh")
    assert days.pandas()["maximum"].max() == pytest.approx(59.9)
    with pytest.raises(NotFound, match="no gateway"):
        asked.plots.drawing("nowhere/x:y").curves()


def test_a_dashboard_that_somebody_else_arranged_is_not_overwritten(
    asked: Hub, owner: Person
) -> None:
    query = query_of(f"{owner.station.slug}/inverter:battery_voltage", **DAY)
    first, second = (asked.plots.save(query, name) for name in ("a", "b"))
    board = asked.plots.add_dashboard("Wall", [first, Tile(second.id, wide=2)])
    assert [(tile.name, tile.wide) for tile in board.tiles] == [("a", 1), ("b", 2)]
    other = asked.plots.dashboard(board.id)
    moved = other.arrange(reversed(other.tiles))
    with pytest.raises(ChangedMeanwhile, match="changed meanwhile"):
        board.arrange([first])
    assert [tile.name for tile in moved.undo().tiles] == ["a", "b"]
    assert asked.plots.dashboards()[0].default is True
    renamed = asked.plots.dashboard(board.id).rename("Hall").make_default()
    assert renamed.name == "Hall"
    first.change(name="c")
    with pytest.raises(ChangedMeanwhile):
        first.remove()
    asked.plots.one(first.id).remove()
    assert [plot.name for plot in asked.plots.saved()] == ["b"]
    assert first.restore().name == "c"
    asked.plots.dashboard(board.id).remove()
    assert asked.plots.dashboards() == []
    [gone] = asked.plots.dashboards(removed=True)
    assert gone.removed
    assert gone.undo_until
    assert gone.undo_until > gone.removed
    assert gone.restore() == asked.plots.dashboard(board.id)


def test_links_and_notes_are_made_and_taken_back(asked: Hub, owner: Person) -> None:
    curve = f"{owner.station.slug}/inverter:battery_voltage"
    link = asked.plots.share(asked.plots.drawing(curve, **DAY), days=1)
    assert httpx.get(link.picture).headers["content-type"] == "image/png"
    link.revoke()
    assert httpx.get(link.link).status_code == 404
    assert [one.revoked is None for one in asked.plots.shares()] == [False]
    when = datetime(2026, 5, 1, 12, tzinfo=UTC)
    note = asked.plots.leave_note(owner.station.slug, "inverter", "hail", when)
    assert (note.at, note.who) == (when, owner.name)
    assert asked.plots.notes(owner.station.slug) == [note]
    note.remove()
    assert asked.plots.notes() == []


def test_the_account_its_tokens_and_its_copy(
    asked: Hub, opened: Callable[[str], Hub], owner: Person, tmp_path: Path
) -> None:
    assert asked.account.facts().name == owner.name
    assert asked.account.change(language="de").language == "de"
    made = asked.account.make_token("logger", days=None)
    assert (made.scope, made.expires, made.token in repr(made)) == ("read", None, False)
    assert {token.name for token in asked.account.tokens()} == {"manage", "logger"}
    asked.account.revoke(made)
    assert {token.name for token in asked.account.tokens()} == {"manage"}
    assert asked.account.sessions() == []
    size = asked.account.export(tmp_path / "all.zip")
    assert size == (tmp_path / "all.zip").stat().st_size
    assert zipfile.is_zipfile(tmp_path / "all.zip")
    with pytest.raises(BadRequest, match="another one"):
        asked.account.change_password("wrong", "does not matter")
    with pytest.raises(KeyRejected, match="scope manage"):
        opened("write").account.facts()
    with pytest.raises(NotFound):
        asked.operator.sign_up()


def test_a_token_to_read_changes_nothing_by_the_client_either(
    opened: Callable[[str], Hub], owner: Person
) -> None:
    reader = opened("read")
    assert reader.gateway(owner.station.slug).site == owner.site
    for act in (
        lambda: reader.add_site("x"),
        lambda: reader.add_gateway("x"),
        lambda: reader.plots.save(owner.query),
        lambda: reader.gateway(owner.station.slug).revoke(),
    ):
        with pytest.raises(KeyRejected, match="scope write"):
            act()


class Counted(httpx.HTTPTransport):
    """The real wire, and what came over it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, int]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        self.seen.append((request.method, response.status_code))
        return response


def test_what_did_not_change_is_not_sent_again(opened: Callable[..., Hub], owner: Person) -> None:
    counted = Counted()
    one = opened("read", transport=counted).instrument(owner.station.slug, "inverter")
    first = one.latest()
    assert one.latest() == first
    owner.station.send()
    assert one.latest() != first
    assert [status for _method, status in counted.seen] == [200, 200, 304, 200]


def test_what_is_kept_to_ask_again_is_bounded() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"{}", headers={"ETag": '"x"'})

    wire = Wire("http://hub.example", "fst_x", transport=httpx.MockTransport(answer))
    for number in range(MOST_KEPT + 9):
        wire.ask(f"things/{number}")
    assert len(wire._kept) == MOST_KEPT
    wire.close()


def test_a_change_is_sent_once_even_when_the_hub_is_busy() -> None:
    seen = []

    def busy(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        return httpx.Response(503, json={"detail": "Busy."}, headers={"Retry-After": "1"})

    wire = Wire("http://hub.example", "fst_x", pause=lambda s: None,
                transport=httpx.MockTransport(busy))  # fmt: skip
    with pytest.raises(Exception, match=r"Busy\."):
        wire.change("POST", "sites", {"name": "x"})
    with pytest.raises(Exception, match=r"Busy\."), wire.stream("account/export", "POST"):
        pass
    assert seen == ["POST", "POST"]
    wire.close()
