"""HEAD, OPTIONS and methods that an address does not take, and pages of lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .apiworld import Person, settled

API = "/api/v1"


@pytest.fixture
def owner(hub: Any, station: Any) -> Iterator[Person]:
    with settled(hub, station) as person:
        yield person


def questions(client: httpx.Client, owner: Person) -> list[str]:
    """Every address of the API that answers GET, of things that there are."""
    owner.station.send()
    sensor = client.post(f"{API}/sensors", json={"name": "light", "site": owner.site}).json()["id"]
    query = {"query": owner.query}
    things = {
        "gateway": owner.station.slug, "instrument": "inverter", "site": owner.site,
        "number": sensor, "form": "svg",
        "plot": client.post(f"{API}/plots", json=query).json()["id"],
        "board": client.post(f"{API}/dashboards", json={}).json()["id"],
    }  # fmt: skip
    more = {"/buckets": "?channels=load_power", "/states": "?channels=mode"}
    drawn = ("picture.svg", "plot-data", "day-totals")
    document = client.get(f"{API}/openapi.json").json()
    found = [
        path.format(**things) for path, methods in document["paths"].items() if "get" in methods
    ]
    asked = [
        path + next((q for end, q in more.items() if path.endswith(end)), "") for path in found
    ]
    return [f"{path}?{owner.query}" if path.endswith(drawn) else path for path in asked]


@pytest.mark.slow
def test_head_answers_as_get_does(owner: Person) -> None:
    client = owner.program()
    paths = questions(client, owner)
    assert len(paths) >= 36
    for path in [*paths, f"{API}/openapi.json", f"{API}/docs"]:
        get, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        names = {"content-type", "content-length", "content-disposition"}
        same = [(one.headers.get(name)) for name in sorted(names) for one in (get, head)]
        assert same[::2] == same[1::2] or "transfer-encoding" in get.headers, path
        assert ("etag" in head.headers) == ("etag" in get.headers), path


@pytest.mark.slow
def test_answers_hold_nothing_that_is_not_described(owner: Person) -> None:
    client = owner.program()
    paths = questions(client, owner)
    client.post(f"{API}/shares", json={"query": owner.query})
    client.post(f"{API}/sites/{owner.site}/invitations", json={"role": "viewer"})
    words = {"gateway": owner.station.slug, "instrument": "inverter", "text": "x"}
    client.post(f"{API}/notes", json=words)
    document = client.get(f"{API}/openapi.json").json()
    for path in paths:
        route = client.get(path)
        if route.headers.get("content-type") == "application/json":
            schema = described(document, path)
            assert undescribed(route.json(), schema, document) == [], path


def described(document: dict[str, Any], path: str) -> dict[str, Any]:
    """The schema of what this address answers."""
    plain = path.partition("?")[0]
    found = [
        methods["get"]
        for template, methods in document["paths"].items()
        if "get" in methods and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), plain)
    ]
    schema: dict[str, Any] = found[0]["responses"]["200"]["content"]["application/json"]["schema"]
    return schema


def undescribed(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """The names in an answer that its schema does not have."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        forms = [one for one in schema["anyOf"] if "$ref" in one]
        return undescribed(value, forms[0], document) if forms and value is not None else []
    if isinstance(value, list):
        rows = schema.get("items", {})
        return [name for one in value for name in undescribed(one, rows, document)]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    known = schema["properties"]
    return [name for name in value if name not in known] + [
        f"{name}.{inner}"
        for name, one in value.items()
        if name in known
        for inner in undescribed(one, known[name], document)
    ]


@pytest.mark.parametrize(
    "path",
    ["/", "/login", "/account", "/sites", "/gateways", "/sensors", "/plots", "/dashboards",
     "/plots/links", "/sign-up", "/password/forgotten", "/add-gateway", "/events", "/healthz",
     "/robots.txt", "/home", "/about"],
)  # fmt: skip
def test_pages_answer_head_too(person: httpx.Client, path: str) -> None:
    with person.stream("GET", path) as get:
        head = person.head(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers.get("content-type") == get.headers.get("content-type")


@pytest.mark.parametrize("path", ["/events", "/healthz", "/robots.txt", f"{API}/openapi.json"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_only_tells_takes_no_change(anyone: httpx.Client, path: str, method: str) -> None:
    answer = anyone.request(method, path)
    assert answer.status_code in (403, 405)
    if answer.status_code == 405:
        assert {"GET", "HEAD"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/me", "GET, HEAD, OPTIONS"),
        ("/plots", "GET, HEAD, OPTIONS, POST"),
        ("/account", "GET, HEAD, OPTIONS, PATCH"),
        ("/dashboards/00000000-0000-0000-0000-000000000000", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/invitations/accept", "OPTIONS, POST"),
        ("/openapi.json", "GET, HEAD, OPTIONS"),
        ("/register", "OPTIONS, POST"),
    ],
)
def test_options_and_refusals_name_the_methods(
    anyone: httpx.Client, path: str, methods: str
) -> None:
    asked = anyone.options(API + path)
    assert (asked.status_code, asked.headers["allow"], asked.content) == (204, methods, b"")
    refused = anyone.request("TRACE", API + path)
    assert (refused.status_code, refused.headers["allow"]) == (405, methods)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "method-not-allowed"


def test_options_of_an_address_that_there_is_not_finds_nothing(anyone: httpx.Client) -> None:
    assert anyone.options(f"{API}/nothing").status_code == 404


def pages(client: httpx.Client, path: str, limit: int) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        page = client.get(API + path, params={"limit": limit, "cursor": cursor}).json()
        yield page
        if page["next"] is None:
            return
        cursor = page["next"]


@pytest.fixture
def many(owner: Person) -> Person:
    """A person with five of everything, some of the same name."""
    client = owner.program()
    owner.station.send()
    for number in range(5):
        owner.station.send(instrument=f"one-{number}")
        client.post(f"{API}/plots", json={"query": owner.query, "name": f"p{number // 2}"})
        client.post(f"{API}/dashboards", json={"name": f"b{number // 2}"})
        client.post(f"{API}/shares", json={"query": owner.query})
        client.post(f"{API}/sites", json={"name": f"{owner.site}-{number}"})
        client.post(f"{API}/gateways", json={"name": f"{owner.site}-{number}", "site": owner.site})
        client.post(f"{API}/sensors", json={"name": f"s{number}", "site": owner.site})
        client.post(f"{API}/sites/{owner.site}/invitations", json={"role": "viewer"})
        words = {"gateway": owner.station.slug, "instrument": "one-0", "text": f"n{number}"}
        client.post(f"{API}/notes", json=words)
        owner.program("read")
    return owner


LISTS = [
    ("/instruments", "instruments", 6), ("/gateways", "gateways", 6), ("/sites", "sites", 6),
    ("/sensors", "sensors", 5), ("/plots", "plots", 5), ("/dashboards", "dashboards", 5),
    ("/shares", "shares", 5), ("/notes", "notes", 5), ("/account/tokens", "tokens", 7),
    ("/sites/{site}/members", "members", 1), ("/sites/{site}/invitations", "invitations", 5),
    ("/sites/{site}/log", "log", 20),
]  # fmt: skip


@pytest.mark.slow
def test_a_list_read_in_pages_has_every_row_once(many: Person) -> None:
    client = many.program()
    for path, word, least in LISTS:
        place = path.format(site=many.site)
        whole = client.get(API + place).json()
        assert whole["next"] is None
        assert len(whole[word]) >= least, path
        for limit in (1, 2, 3):
            found = [row for page in pages(client, place, limit) for row in page[word]]
            assert keys(found) == keys(whole[word]), (path, limit)


def keys(rows: list[dict[str, Any]]) -> list[str]:
    """The rows without what a second question changes."""
    return [str({**row, "last_used": ""}) for row in rows]


@pytest.mark.slow
def test_a_row_removed_meanwhile_hides_no_other(many: Person) -> None:
    client = many.program()
    first = client.get(f"{API}/plots", params={"limit": 2}).json()
    rows = client.get(f"{API}/plots").json()["plots"]
    for row in rows[:2]:
        assert client.delete(f"{API}/plots/{row['id']}").status_code == 204
    rest = client.get(f"{API}/plots", params={"cursor": first["next"]}).json()
    assert rest["plots"] == rows[2:]


@pytest.mark.parametrize("cursor", ["bogus", "W10=", "WyJhIl0=", "bnVsbA==", "WzEsMl0=", "AAAA"])
def test_a_cursor_of_another_list_is_refused(owner: Person, cursor: str) -> None:
    client = owner.program()
    client.post(f"{API}/dashboards", json={"name": "b"})
    for path in ("/plots", "/gateways", "/dashboards", "/shares"):
        answer = client.get(API + path, params={"cursor": cursor})
        assert answer.status_code == 400, path
        assert "start again without it" in answer.json()["detail"]
