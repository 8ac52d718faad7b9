"""Everything a page can do, the API can: each address of the pages with each of its methods, and
the route of the API that does or shows the same, or the reason why there is none.

The addresses are those of the authorization matrix, which holds that none is left out; so a new
action of a page without a line here fails.
"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from .test_matrix import ROWS

DOOR = "- for people without a session; programs have a token"
LINK = "- the page behind a link from a mail, which is the proof"
OLD = "- the old site's own contract, kept letter for letter"
WORDS = "- words for people"
MACHINE = "- for machines already, or a file of the browser"

TABLE = f"""
GET  /                                     GET /instruments
GET  /home                                 {OLD}
GET  /about                                {OLD}
GET  /favicon.ico                          {MACHINE}
GET  /robots.txt                           {MACHINE}
GET  /healthz                              {MACHINE}
GET  /login                                {DOOR}
POST /login                                {DOOR}
GET  /logout                               DELETE /account/sessions/{{session}}
POST /logout                               DELETE /account/sessions/{{session}}
GET  /sign-up                              {DOOR}
POST /sign-up                              {DOOR}
GET  /password/forgotten                   {DOOR}
POST /password/forgotten                   {DOOR}
GET  /password/new/{{reset}}               {LINK}
POST /password/new/{{reset}}               {LINK}
GET  /address/nothing                      {LINK}
POST /address/nothing                      {LINK}
POST /language                             - a cookie of the browser; PATCH /account for the account
GET  /join/{{secret}}                      {LINK}
POST /join/{{secret}}                      POST /invitations/accept
GET  /account                              GET /account, GET /account/sessions, GET /account/tokens
POST /account/password                     POST /account/password
POST /account/address                      POST /account/address
POST /account/language                     PATCH /account
POST /account/sessions/{{session}}/end     DELETE /account/sessions/{{session}}
POST /account/sessions/end                 DELETE /account/sessions
POST /account/tokens                       POST /account/tokens
POST /account/tokens/{{token}}/revoke      DELETE /account/tokens/{{token}}
POST /account/export                       POST /account/export
POST /account/delete                       POST /account/deletion
POST /account/keep                         DELETE /account/deletion
GET  /operator                             GET /operator, GET /operator/people
POST /operator/sign-up                     PATCH /operator
POST /operator/mail                        POST /operator/mail
GET  /sites                                GET /sites
POST /sites                                POST /sites
GET  /sites/{{site}}                       GET /sites/{{site}}, GET /sites/{{site}}/members, GET /sites/{{site}}/invitations
POST /sites/{{site}}/change                PATCH /sites/{{site}}
POST /sites/{{site}}/invite                POST /sites/{{site}}/invitations
POST /sites/{{site}}/invitations/{{invitation}}/withdraw DELETE /sites/{{site}}/invitations/{{invitation}}
POST /sites/{{site}}/members/{{member}}/role PATCH /sites/{{site}}/members/{{member}}
POST /sites/{{site}}/members/{{member}}/remove DELETE /sites/{{site}}/members/{{member}}
POST /sites/{{site}}/leave                 POST /sites/{{site}}/leave
GET  /sites/{{site}}/log                   GET /sites/{{site}}/log
GET  /gateways                             GET /gateways
GET  /add-gateway                          {WORDS}
POST /add-gateway                          POST /gateways
GET  /gateways/{{gateway}}                 GET /gateways/{{gateway}}, GET /gateways/{{gateway}}/calendar, GET /gateways/{{gateway}}/events, GET /gateways/{{gateway}}/holes
POST /gateways/{{gateway}}/pin             POST /gateways/{{gateway}}/pin
GET  /gateways/{{gateway}}/key             GET /gateways/{{gateway}}
POST /gateways/{{gateway}}/revoke          POST /gateways/{{gateway}}/revoke
POST /gateways/{{gateway}}/restore         POST /gateways/{{gateway}}/restore
POST /gateways/{{gateway}}/one-machine     POST /gateways/{{gateway}}/one-machine
POST /gateways/{{gateway}}/one-machine     POST /gateways/{{gateway}}/one-machine
POST /gateways/{{gateway}}/remove          DELETE /gateways/{{gateway}}
GET  /instruments/{{roof}}/inverter        GET /instruments/{{gateway}}/{{instrument}}, GET /instruments/{{gateway}}/{{instrument}}/latest
GET  /events                               GET /instruments/{{gateway}}/{{instrument}}/latest
GET  /sensors                              GET /sensors
POST /sensors                              GET /picture.{{form}}
GET  /sensors/                             GET /sensors
POST /sensors/                             GET /picture.{{form}}
GET  /sensors/register                     {WORDS}
POST /sensors/register                     POST /sensors
GET  /sensors/{{sensor}}                   GET /sensors/{{number}}, GET /sensors/{{number}}/documents, GET /sensors/{{number}}/spans
POST /sensors/{{sensor}}/token             POST /sensors/{{number}}/token
POST /sensors/{{sensor}}/revoke            DELETE /sensors/{{number}}/token
POST /sensors/{{sensor}}/settings          PATCH /sensors/{{number}}
POST /sensors/{{sensor}}/delete            DELETE /sensors/{{number}}
POST /sensors/{{gone}}/restore             POST /sensors/{{number}}/restore
POST /sensors/{{sensor}}/spans             POST /sensors/{{number}}/spans
POST /sensors/{{erased}}/restore           DELETE /sensors/{{number}}/spans/{{span}}
GET  /plots                                GET /plots, GET /plot-data
GET  /plots/picture.svg                    GET /picture.{{form}}
GET  /plots/data.json                      GET /plot-data
GET  /plots/days.json                      GET /day-totals
POST /plots/save                           POST /plots
GET  /plots/saved/{{plot}}                 GET /plots/{{plot}}
POST /plots/saved/{{plot}}/remove          DELETE /plots/{{plot}}
POST /plots/saved/{{plot}}/restore         POST /plots/{{plot}}/restore
POST /plots/share                          POST /shares
GET  /plots/links                          GET /shares
POST /plots/links/{{share}}/revoke         DELETE /shares/{{share}}
POST /plots/notes                          POST /notes
POST /plots/notes/{{note}}/remove          DELETE /notes/{{note}}
GET  /shared/{{shared}}                    - for whoever has the link, who has no account
GET  /shared/{{shared}}/picture.svg        - for whoever has the link, who has no account
GET  /shared/{{shared}}/data.json          - for whoever has the link, who has no account
GET  /shared/nothing                       - for whoever has the link, who has no account
GET  /dashboards                           GET /dashboards
POST /dashboards/add                       POST /dashboards
GET  /dashboards/{{board}}                 GET /dashboards/{{board}}
GET  /dashboards/{{board}}/wall            GET /dashboards/{{board}}
POST /dashboards/{{board}}/arrange         PUT /dashboards/{{board}}/tiles
POST /dashboards/{{board}}/undo            POST /dashboards/{{board}}/undo
POST /dashboards/{{board}}/default         POST /dashboards/{{board}}/default
POST /dashboards/{{board}}/remove          DELETE /dashboards/{{board}}
POST /dashboards/{{away}}/restore          POST /dashboards/{{board}}/restore
GET  /old-site                             GET /old-site
POST /old-site                             PATCH /old-site, POST /old-site
GET  /sensors/users/register               {OLD}
POST /sensors/users/register               {OLD}
GET  /sensors/users/login                  {DOOR}
POST /sensors/users/login                  {DOOR}
POST /sensors/post-json/nobody/nothing     {OLD}
GET  /sensors/get-data-by-sensor-id/{{sensor}} GET /sensors/{{number}}/documents
POST /sensors/public-reading/{{sensor}}    PATCH /sensors/{{number}}
GET  /sensors/get-sensor-json-data-by-id/{{sensor}}/{{old}} GET /sensors/{{number}}/documents
GET  /sensors/get-sensor-json-data-range/{{sensor}}/{{old}}/{{old}}/1 GET /sensors/{{number}}/documents
"""  # noqa: E501
# Pages of the old site's stores: all of them draw or list what `GET /instruments/...` gives.
OLD_STORES = re.compile(r"/(BMS|[Tt]ristar)(/|$)")
LINES = [re.split(r"\s+", line, maxsplit=2) for line in TABLE.strip().splitlines()]
ROUTES = {(method, path): target for method, path, target in LINES}


def actions() -> list[tuple[str, str]]:
    """Every method and address of the pages, as the matrix names them."""
    found = {(method, path.partition("?")[0]) for method, path, _policy in ROWS}
    return sorted(
        one for one in found if not one[1].startswith("/api/v1/") and not OLD_STORES.match(one[1])
    )


@pytest.fixture
def offered(anyone: httpx.Client) -> set[str]:
    """Every route of the API, as `GET /plots`."""
    document: dict[str, Any] = anyone.get("/api/v1/openapi.json").json()
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in document["paths"].items()
        for method in methods
    }


def test_every_action_of_a_page_is_named_here() -> None:
    assert [one for one in actions() if one not in ROUTES] == []


def test_nothing_is_named_that_no_page_has() -> None:
    assert set(ROUTES) - set(actions()) == set()


def test_every_action_of_a_page_has_its_route_or_a_reason(offered: set[str]) -> None:
    missing = {
        (action, route)
        for action, target in ROUTES.items()
        if not target.startswith("- ")
        for route in target.split(", ")
        if route not in offered
    }
    assert missing == set()


def test_a_reason_is_only_given_where_nothing_of_the_hub_changes_or_nobody_is_signed_in() -> None:
    changing = {path: why for (method, path), why in ROUTES.items() if method != "GET"}
    without = {path for path, why in changing.items() if why.startswith("- ")}
    assert without == {
        "/login", "/sign-up", "/password/forgotten", "/password/new/{reset}", "/address/nothing",
        "/language", "/sensors/users/register", "/sensors/users/login",
        "/sensors/post-json/nobody/nothing",
    }  # fmt: skip
