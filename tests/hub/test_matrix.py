"""Who may do what: every address by every kind of caller, against the running hub.

1. The table names every address and method. An address that it does not name fails
   (test_every_address_has_a_row); a method that it does not name is taken by nobody
   (test_a_method_without_a_row_is_refused).
2. Each row has things of its own, made anew where an act uses them up.
3. What a caller may not see is not found; what is seen but not theirs to change is forbidden.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .conftest import Hub, Station
from .matrix_world import CALLERS, World, settle

# One sign per caller, in the order of CALLERS: + let in, L led to sign in, 1 3 4 as 401 403 404.
POLICIES = {
    "open": "++++++++++",
    "guess": "1+++++1111",
    "closed": "3333333333",
    # The owner's switch for posts without a token, which other tests on this hub may have turned.
    "old-post": "3333333333|++++++3333",
    "old-see": "L+++3+LLLL",
    "old-data": "3+++3+3333",
    "old-none": "3444343333",
    "old-closed": "3+++++3333",
    "leaves": "LLLLLLLLLL",
    "mine": "L+++++LLLL",
    "see": "L+++4+LLLL",
    "member": "L+++44LLLL",
    "edit": "L3++4+LLLL",
    "edits": "L3++++LLLL",
    "own": "L33+4+LLLL",
    "data-personal": "144+441111",
    "personal": "L44+44LLLL",
    "operator": "L4444+LLLL",
    "api-mine": "1+++++++11",
    "api-change": "1+++++3+11",
    "api-see": "1+++4+++11",
    "api-edit": "13++4+3+11",
    "api-personal": "144+44++11",
    "api-personal-change": "144+443+11",
    "api-manage": "1+++++3311",
    "api-manage-personal": "144+443311",
    "api-own": "133+4+++11",
    "api-own-change": "133+4+3+11",
    "api-own-manage": "133+4+3311",
    "api-leave": "1+++443311",
    "api-guess": "1444443311",
    "api-operator": "14444+3311",
    "data-mine": "1+++++1111",
    "data-see": "1+++4+1111",
    "data-edit": "13++4+1111",
    "nowhere": "4444444444",
    "posts": "1111111111",
    # Some PIN, some key: what they are good for is tested where they belong.
    "pin": "..........",
    "upload": "1111111141",
    "station": "11111111+1",
    "no-slot": "1111113333",
}

TABLE = """
GET  /                                     mine
GET  /home                                 open
GET  /about                                open
GET  /favicon.ico                          open
GET  /robots.txt                           open
POST /language                             open
GET  /healthz                              open
GET  /login                                open
POST /login                                guess
GET  /logout                               open
POST /logout                               leaves
GET  /sign-up                              closed
POST /sign-up                              closed
GET  /password/forgotten                   open
POST /password/forgotten                   open
GET  /password/new/{reset}           open
POST /password/new/{reset}           open
GET  /address/nothing                      open
POST /address/nothing                      open
GET  /join/{secret}                        open
POST /join/{secret}                        open
GET  /account                              mine
POST /account/password                     mine
POST /account/address                      mine
POST /account/language                     mine
POST /account/sessions/{session}/end       personal
POST /account/sessions/end                 mine
POST /account/tokens                       mine
POST /account/tokens/{token}/revoke        personal
POST /account/export                       mine
POST /account/delete                       mine
POST /account/keep                         mine
GET  /operator                             operator
POST /operator/sign-up                     operator
POST /operator/mail                        operator
GET  /sites                                mine
POST /sites                                mine
GET  /sites/{site}                         see
POST /sites/{site}/change                  own
POST /sites/{site}/invite                  own
POST /sites/{site}/invitations/{invitation}/withdraw own
POST /sites/{site}/members/{member}/role   own
POST /sites/{site}/members/{member}/remove own
POST /sites/{site}/leave                   member
GET  /sites/{site}/log                     own
GET  /gateways                             mine
GET  /add-gateway                          mine
POST /add-gateway                          edits
GET  /gateways/{gateway}                   see
POST /gateways/{gateway}/pin               edit
GET  /gateways/{gateway}/key               see
POST /gateways/{gateway}/revoke            edit
POST /gateways/{gateway}/restore           edit
POST /gateways/{gateway}/one-machine       edit
POST /gateways/{gateway}/remove            edit
GET  /instruments/{roof}/inverter          see
GET  /events                               data-mine
GET  /sensors                              mine
POST /sensors                              mine
GET  /sensors/                             mine
POST /sensors/                             mine
GET  /sensors/register                     mine
POST /sensors/register                     mine
GET  /sensors/{sensor}                     see
POST /sensors/{sensor}/token               edit
POST /sensors/{sensor}/revoke              edit
POST /sensors/{sensor}/settings            edit
POST /sensors/{sensor}/delete              edit
POST /sensors/{gone}/restore               edit
POST /sensors/{sensor}/spans               edit
POST /sensors/{erased}/restore edit
GET  /plots                                mine
GET  /plots?{query}                        mine
GET  /plots/picture.svg?{query}            data-see
GET  /plots/data.json?{query}              data-see
GET  /plots/days.json?{query}              data-see
POST /plots/save                           mine
GET  /plots/saved/{plot}                   personal
POST /plots/saved/{plot}/remove            personal
POST /plots/saved/{plot}/restore           personal
POST /plots/share                          mine
GET  /plots/links                          mine
POST /plots/links/{share}/revoke           personal
POST /plots/notes                          data-edit
POST /plots/notes/{note}/remove            data-edit
GET  /shared/{shared}                      open
GET  /shared/{shared}/picture.svg          open
GET  /shared/{shared}/data.json            open
GET  /shared/nothing                       nowhere
GET  /dashboards                           mine
POST /dashboards/add                       mine
GET  /dashboards/{board}                   personal
GET  /dashboards/{board}/wall              personal
POST /dashboards/{board}/arrange           data-personal
POST /dashboards/{board}/undo              data-personal
POST /dashboards/{board}/default           personal
POST /dashboards/{board}/remove            personal
POST /dashboards/{away}/restore            personal
GET  /old-site                             own
POST /old-site                             own
GET  /BMS                                  old-see
POST /BMS                                  old-see
GET  /BMS/serverside                       old-see
POST /BMS/serverside                       old-see
GET  /BMS/server_side                      old-see
POST /BMS/server_side                      old-see
GET  /BMS/serverside/picture.png           old-data
GET  /BMS/instantaneous                    old-see
GET  /BMS/Instantaneous                    old-see
GET  /BMS/pins                             old-see
GET  /BMS/Pins                             old-see
POST /BMS/post-json                        old-post
GET  /BMS/api/single_point/{old}/x         old-none
GET  /BMS/api/single_data_point/{old}/x    old-none
GET  /BMS/api/{old}/{old}/1/x              old-data
GET  /Tristar                              old-see
POST /Tristar                              old-see
GET  /tristar                              old-see
POST /tristar                              old-see
GET  /Tristar/ChargeSettings               old-see
GET  /Tristar/DailyValues                  old-see
GET  /Tristar/Instantaneous                old-see
POST /Tristar/post-json                    old-post
POST /Tristar/post-json/daily              old-post
GET  /Tristar/api/single_data_point/{old}/x old-none
GET  /Tristar/api/{old}/{old}/1/x          old-data
GET  /sensors/users/register               old-closed
POST /sensors/users/register               old-closed
GET  /sensors/users/login                  open
POST /sensors/users/login                  open
POST /sensors/post-json/nobody/nothing     nowhere
GET  /sensors/get-data-by-sensor-id/{sensor} old-see
POST /sensors/public-reading/{sensor}      edit
GET  /sensors/get-sensor-json-data-by-id/{sensor}/{old} old-data
GET  /sensors/get-sensor-json-data-range/{sensor}/{old}/{old}/1 old-data
POST /api/v1/activate                      pin
POST /api/v1/quarantine_request            pin
GET  /api/v1/upload_status/nothing         upload
PUT  /api/v1/batches/00000000000000000000000000000000 no-slot
POST /api/v1/ingest                        station
POST /api/v1/report                        station
POST /api/v1/register                      pin
GET  /api/v1/docs                          open
GET  /api/v1/openapi.json                  open
GET  /api/v1/                              nowhere
GET  /api/v1/me                            api-mine
GET  /api/v1/account                       api-manage
PATCH /api/v1/account                      api-manage
POST /api/v1/account/password              api-manage
POST /api/v1/account/address               api-manage
GET  /api/v1/account/sessions              api-manage
DELETE /api/v1/account/sessions            api-manage
DELETE /api/v1/account/sessions/{session}  api-manage-personal
GET  /api/v1/account/tokens                api-manage
POST /api/v1/account/tokens                api-manage
DELETE /api/v1/account/tokens/{token}      api-manage-personal
POST /api/v1/account/export                api-manage
POST /api/v1/account/deletion              api-manage
DELETE /api/v1/account/deletion            api-manage
GET  /api/v1/operator                      api-operator
PATCH /api/v1/operator                     api-operator
POST /api/v1/operator/mail                 api-operator
GET  /api/v1/operator/people               api-operator
GET  /api/v1/sites                         api-mine
POST /api/v1/sites                         api-change
GET  /api/v1/sites/{site}                  api-see
PATCH /api/v1/sites/{site}                 api-own-change
POST /api/v1/sites/{site}/leave            api-leave
GET  /api/v1/sites/{site}/members          api-see
PATCH /api/v1/sites/{site}/members/{member} api-own-manage
DELETE /api/v1/sites/{site}/members/{member} api-own-manage
GET  /api/v1/sites/{site}/invitations      api-own
POST /api/v1/sites/{site}/invitations      api-own-manage
DELETE /api/v1/sites/{site}/invitations/{invitation} api-own-manage
GET  /api/v1/sites/{site}/log              api-own
POST /api/v1/invitations/accept            api-guess
GET  /api/v1/picture.svg?{query}           api-see
GET  /api/v1/plot-data?{query}             api-see
GET  /api/v1/day-totals?{query}            api-see
GET  /api/v1/plots                         api-mine
POST /api/v1/plots                         api-change
GET  /api/v1/plots/{plot}                  api-personal
PATCH /api/v1/plots/{plot}                 api-personal-change
DELETE /api/v1/plots/{plot}                api-personal-change
POST /api/v1/plots/{plot}/restore          api-personal-change
GET  /api/v1/dashboards                    api-mine
POST /api/v1/dashboards                    api-change
GET  /api/v1/dashboards/{board}            api-personal
PATCH /api/v1/dashboards/{board}           api-personal-change
DELETE /api/v1/dashboards/{board}          api-personal-change
PUT  /api/v1/dashboards/{board}/tiles      api-personal-change
POST /api/v1/dashboards/{board}/undo       api-personal-change
POST /api/v1/dashboards/{board}/default    api-personal-change
POST /api/v1/dashboards/{away}/restore     api-personal-change
GET  /api/v1/shares                        api-mine
POST /api/v1/shares                        api-change
DELETE /api/v1/shares/{share}              api-personal-change
GET  /api/v1/notes                         api-mine
POST /api/v1/notes                         api-edit
DELETE /api/v1/notes/{note}                api-edit
GET  /api/v1/old-site                      api-own
POST /api/v1/old-site                      api-own-change
PATCH /api/v1/old-site                     api-own-change
GET  /api/v1/gateways                      api-mine
POST /api/v1/gateways                      api-change
PATCH /api/v1/gateways/{gateway}           api-edit
DELETE /api/v1/gateways/{gateway}          api-edit
POST /api/v1/gateways/{gateway}/pin        api-edit
POST /api/v1/gateways/{gateway}/revoke     api-edit
POST /api/v1/gateways/{gateway}/restore    api-edit
POST /api/v1/gateways/{gateway}/one-machine api-edit
GET  /api/v1/gateways/{gateway}            api-see
GET  /api/v1/gateways/{gateway}/holes      api-see
GET  /api/v1/gateways/{gateway}/calendar   api-see
GET  /api/v1/gateways/{gateway}/events     api-see
GET  /api/v1/instruments                   api-mine
GET  /api/v1/instruments/{roof}/inverter   api-see
GET  /api/v1/instruments/{roof}/inverter/holes api-see
GET  /api/v1/instruments/{roof}/inverter/latest api-see
GET  /api/v1/instruments/{roof}/inverter/readings api-see
GET  /api/v1/instruments/{roof}/inverter/buckets?channels=battery_voltage api-see
GET  /api/v1/instruments/{roof}/inverter/states?channels=mode api-see
GET  /api/v1/instruments/{roof}/inverter/export.csv api-see
GET  /api/v1/instruments/{roof}/inverter/export.ndjson api-see
GET  /api/v1/sensors                       api-mine
POST /api/v1/sensors                       api-change
GET  /api/v1/sensors/{sensor}              api-see
PATCH /api/v1/sensors/{sensor}             api-edit
DELETE /api/v1/sensors/{sensor}            api-edit
POST /api/v1/sensors/{gone}/restore        api-edit
POST /api/v1/sensors/{sensor}/token        api-edit
POST /api/v1/sensors/{sensor}/readings     posts
DELETE /api/v1/sensors/{sensor}/token      api-edit
GET  /api/v1/sensors/{sensor}/latest       api-see
GET  /api/v1/sensors/{sensor}/documents    api-see
GET  /api/v1/sensors/{sensor}/spans        api-see
POST /api/v1/sensors/{sensor}/spans        api-edit
DELETE /api/v1/sensors/{erased} api-edit
"""
ROWS = [tuple(line.split()) for line in TABLE.strip().splitlines()]
BODIES: dict[str, dict[str, Any]] = {
    "/plots/notes": {"data": {"gateway": "{roof}", "instrument": "inverter", "text": "x",
                              "at": "2026-01-01 00:00"}},
    "/api/v1/account": {"json": {}},
    "/api/v1/old-site": {"json": {}},
    "/api/v1/account/password": {"json": {"old": "wrong", "new": "wrong"}},
    "/api/v1/account/address": {"json": {"email": "none"}},
    "/api/v1/account/tokens": {"json": {"name": ""}},
    "/api/v1/account/deletion": {"json": {"password": "wrong"}},
    "/api/v1/operator": {"json": {"sign_up": "perhaps"}},
    "/api/v1/sites": {"json": {}},
    "/api/v1/sites/{site}": {"json": {}},
    "/api/v1/sites/{site}/members/{member}": {"json": {"role": "editor"}},
    "/api/v1/sites/{site}/invitations": {"json": {"role": "editor"}},
    "/api/v1/invitations/accept": {"json": {"link": "nothing"}},
    "/api/v1/plots": {"json": {}},
    "/api/v1/plots/{plot}": {"json": {}},
    "/api/v1/dashboards": {"json": {}},
    "/api/v1/dashboards/{board}": {"json": {}},
    "/api/v1/dashboards/{board}/tiles": {"json": {"tiles": []}},
    "/api/v1/shares": {"json": {}},
    "/api/v1/notes": {"json": {"gateway": "{roof}", "instrument": "inverter", "text": "x"}},
    "/api/v1/gateways": {"json": {}},
    "/api/v1/gateways/{gateway}": {"json": {}},
    "/api/v1/sensors": {"json": {}},
    "/api/v1/sensors/{sensor}": {"json": {}},
    "/api/v1/sensors/{sensor}/spans": {"json": {"start": "2026-01-01T00:00:00Z",
                                                "end": "2026-01-02T00:00:00Z"}},
}  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Answered before Django is asked.
BESIDE_DJANGO = {
    "/api/v1/ingest", "/api/v1/report", "/api/v1/sensors/{sensor}/readings",
    "/api/v1/batches/00000000000000000000000000000000",
}  # fmt: skip
ADMIN = "operator/admin/"
SIGNS = {401: "1", 403: "3", 404: "4", 405: "5"}


@pytest.fixture(scope="module")
def world(hub: Hub) -> Iterator[World]:
    """The callers and their two sites, and one reading of an instrument."""
    from fieldstation.hub.accounts.models import LoginFailures
    from fieldstation.hub.greenhouse import house
    from fieldstation.hub.greenhouse.models import Greenhouse
    from fieldstation.hub.sites.home import home
    from fieldstation.hub.sites.models import Site
    from fieldstation.hub.stations import keys
    from fieldstation.hub.stations.models import Gateway

    home()
    slug = f"farm-{secrets.token_hex(4)}"
    farm = Site.objects.create(name=f"Farm {slug}", slug=slug)
    with hub.client() as client:
        station = Station(client, slug, keys.add_gateway(slug))
        Gateway.objects.filter(slug=slug).update(site=farm)
        station.send()
        Greenhouse.objects.all().delete()
        Greenhouse.objects.create(site=farm, open_reads=False)
        house.set_up()
        made = settle(hub, farm, station)
        yield made
        for one in made.clients.values():
            one.close()
    Greenhouse.objects.all().delete()
    LoginFailures.objects.all().delete()


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path", "policy"), ROWS)
def test_everybody_gets_what_is_theirs(world: World, method: str, path: str, policy: str) -> None:
    world.restore()
    things = world.things(path)
    found = ""
    for caller in CALLERS:
        if method != "GET":
            world.restore()
            things = world.things(path)
        found += sign(ask(world, world.clients[caller], method, path, things))
    world.sign_in_again()
    wanted = POLICIES[policy]
    assert "!" not in found
    assert re.fullmatch(wanted.replace("+", r"\+"), found), f"{found} is not {wanted}"


@pytest.mark.slow
def test_a_method_without_a_row_is_refused(world: World) -> None:
    world.restore()
    named = {(method, path.partition("?")[0]) for method, path, _ in ROWS}
    taken = []
    for path in sorted({path for _, path in named} - {"/logout"}):
        things = world.things(path)
        for method in METHODS:
            if (method, path) not in named:
                with world.clients["owner"].stream(method, path.format(**things)) as answer:
                    if answer.status_code < 400:
                        taken.append((method, path, answer.status_code))
    assert taken == []


@pytest.mark.slow
def test_head_is_answered_as_get_is_everywhere(world: World) -> None:
    world.restore()
    client, other = world.clients["owner"], []
    for path in sorted({path for method, path, _ in ROWS if method == "GET"} - {"/logout"}):
        address = path.format(**world.things(path))
        head = client.head(address)
        with client.stream("GET", address) as get:
            if (head.status_code, head.content) != (get.status_code, b""):
                other.append((path, get.status_code, head.status_code))
    assert other == []


def test_every_address_has_a_row(world: World) -> None:
    from django.urls import resolve

    samples = {path: path.partition("?")[0].format(**world.things(path)) for _, path, _ in ROWS}
    named = {resolve(one).route for path, one in samples.items() if path not in BESIDE_DJANGO}
    unnamed = set(addresses()) - named
    assert sorted(one for one in unnamed if not one.startswith(ADMIN)) == []


@pytest.mark.slow
def test_the_admin_pages_are_the_operators_alone(world: World) -> None:
    world.restore()
    tried = [one for one in addresses() if one.startswith(ADMIN)]
    assert len(tried) > 10
    for route in tried:
        path = "/" + re.sub(r"<[^>]+>|\(\?P<[^>]+>[^)]*\)", "1", route).rstrip("$")
        for caller in CALLERS:
            if caller != "operator":
                for method in ("GET", "POST"):
                    found = sign(ask(world, world.clients[caller], method, path, {}))
                    assert found in "L1345", (caller, method, path)


def ask(
    world: World, client: httpx.Client, method: str, path: str, things: dict[str, Any]
) -> httpx.Response:
    """Send the request of a row, and read no more than the head of the answer."""
    body = {kind: filled(world, given) for kind, given in BODIES.get(path, {}).items()}
    if method == "GET" or not body:
        body = {}
    with client.stream(method, path.format(**things), **body) as answer:
        return answer


def filled(world: World, form: dict[str, Any]) -> dict[str, Any]:
    return {
        name: text.format(roof=world.station.slug) if isinstance(text, str) else text
        for name, text in form.items()
    }


def sign(answer: httpx.Response) -> str:
    """What became of a request, as the table writes it; a fault of the hub is an exclamation."""
    if answer.status_code >= 500:
        return "!"
    if answer.status_code == 302 and "/login" in answer.headers["Location"]:
        return "L"
    return SIGNS.get(answer.status_code, "+")


def addresses() -> Iterator[str]:
    """The pattern of every address that Django answers, as `resolve` names it."""
    from django.urls import get_resolver

    def walk(patterns: Any, before: str) -> Iterator[str]:
        for one in patterns:
            route = before + re.sub(r"^\^", "", str(one.pattern)) if before else str(one.pattern)
            if hasattr(one, "url_patterns"):
                yield from walk(one.url_patterns, str(before) + str(one.pattern))
            else:
                yield route

    yield from walk(get_resolver().url_patterns, "")
