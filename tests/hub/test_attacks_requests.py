"""Requests that no browser sends, at every address, by somebody who may do all: nothing breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from .matrix_world import World
from .test_matrix import BODIES, ROWS, filled, world

__all__ = ["world"]
pytestmark = pytest.mark.slow

CHARSETS = ("base64", "idna", "utf-16", "unicode_escape", "rot13", "none", "x" * 500)
NUMBERS = ("0", "-1", "9" * 19, "9" * 400, "1e999", "NaN", "٣", "\0", "", "٣" * 30)
DEEP = b"[" * 100_000
BOUND = "multipart/form-data; boundary=x"
FORM = "application/x-www-form-urlencoded"
BODIES_ODD: dict[str, tuple[str, bytes]] = {
    "deep": ("application/json", DEEP),
    "deep object": ("application/json", b'{"a":' * 50_000),
    "surrogate": ("application/json", rb'{"name": "\ud800", "text": "\udfff", "at": "\ud800"}'),
    "NUL": ("application/json", rb'{"name": "a\u0000b", "text": "\u0000", "email": "\u0000"}'),
    "NaN": ("application/json", b'{"name": NaN, "limit": Infinity, "start": -Infinity}'),
    "huge": ("application/json", b'{"name": ' + b"9" * 5000 + b', "start": 1e400}'),
    "list": ("application/json", b"[1, [2], {}]"),
    "number": ("application/json", b"12"),
    "nothing": ("application/json", b"null"),
    "utf-16": ("application/json", '{"name": "x"}'.encode("utf-16")),
    "no UTF-8": ("application/json", b'{"name": "\xff\xfe"}'),
    "form NUL": (FORM, b"name=%00&text=%00&email=%00&role=%00&query=%00&at=%00&gateway=%00"),
    "form no UTF-8": (FORM, b"name=%ff%fe&role=%ed%a0%80&query=%ff&text=\xff"),
    "form many": (FORM, b"&".join(b"a%d=1" % n for n in range(3000))),
    "form charset": (FORM + "; charset=utf-16", b"name=x"),
    "multipart cut": (BOUND, b'--x\r\nContent-Disposition: form-data; name="name'),
    "multipart file": (
        BOUND,
        b'--x\r\nContent-Disposition: form-data; name="name"; filename="../../x"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!\r\n--x--\r\n",
    ),
    "multipart none": ("multipart/form-data", b"--x--"),
    "multipart long": ("multipart/form-data; boundary=" + "x" * 300, b"--x--"),
}


@pytest.fixture
def owner(world: World) -> httpx.Client:
    """Somebody who may do all at the farm."""
    world.restore()
    world.sign_in_again()
    return world.clients["owner"]


def broken(answer: httpx.Response) -> bool:
    """Whether the hub failed, and how long an answer took that took too long."""
    return answer.status_code >= 500


def of_one_kind(method: str) -> Iterator[str]:
    yield from dict.fromkeys(path for one, path, _ in ROWS if one == method)


@pytest.mark.slow
def test_no_query_and_no_charset_breaks_a_page(world: World, owner: httpx.Client) -> None:
    fields = re.findall(r"[?&](\w+)=", " ".join(path for _, path, _ in ROWS))
    fields += ["page", "limit", "cursor", "start", "end", "who", "what", "channels", "range",
               "next", "undo", "list", "points", "step", "at", "site", "invitation", "curve",
               "title", "from", "to", "width", "q", "tz", "zone", "day", "o", "e", "p"]  # fmt: skip
    failed = []
    for path in of_one_kind("GET"):
        if path in ("/events", "/logout"):
            continue
        address = path.format(**world.things(path)).partition("?")[0]
        for number in NUMBERS:
            query = dict.fromkeys(fields, number)
            answer = owner.get(address, params=query)
            failed += [(path, number)] if broken(answer) else []
        for charset in CHARSETS:
            headers = {"Content-Type": f"text/plain; charset={charset}", "Accept-Charset": charset}
            answer = owner.get(address, params={"page": "ä"}, headers=headers)
            failed += [(path, charset)] if broken(answer) else []
    assert failed == []


@pytest.mark.slow
@pytest.mark.parametrize("odd", BODIES_ODD)
def test_no_body_breaks_a_change(world: World, owner: httpx.Client, odd: str) -> None:
    kind, body = BODIES_ODD[odd]
    failed = []
    for method, path, _ in ROWS:
        if method == "GET" or path in ("/logout", "/account/delete", "/sites/{site}/leave"):
            continue
        address = path.format(**world.things(path))
        headers = {"Content-Type": kind}
        answer = owner.request(method, address, content=body, headers=headers)
        failed += [(method, path, answer.status_code)] if broken(answer) else []
        world.restore()
    world.sign_in_again()
    assert failed == []


@pytest.mark.slow
def test_no_field_of_a_change_takes_what_does_not_fit(world: World, owner: httpx.Client) -> None:
    """Each field that a form names, with a value too long, too large or of another kind."""
    fields = ("name", "text", "at", "role", "email", "time_zone", "query", "days", "scope", "mode",
              "old", "new", "password", "invitation", "gateway", "instrument", "site", "units",
              "description", "kind", "protocol", "networks", "start", "end", "posts_per_minute",
              "start_date", "end_date", "interval", "language", "next", "tiles", "pin", "zip_size",
              "key", "title", "new_password1", "new_password2", "remember")  # fmt: skip
    values = ("x" * 70_000, "9" * 400, "\0", "\u202e", "١٢", "-0", "[]", "\n", "0001-01-01 00:00",
              "9999-12-31 23:59:59", "../../../x", "1e308")  # fmt: skip
    failed = []
    for method, path, _ in ROWS:
        if method != "POST" or path in ("/logout", "/account/delete"):
            continue
        usual = filled(world, BODIES.get(path, {}).get("data", {}))
        for value in values:
            form = dict.fromkeys(fields, value) | (usual if value == "-0" else {})
            answer = owner.post(path.format(**world.things(path)), data=form)
            failed += [(path, value[:20], answer.status_code)] if broken(answer) else []
        world.restore()
    world.sign_in_again()
    assert failed == []


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PROPFIND", "CONNECT", "get", "X"])
def test_no_method_breaks_an_address(world: World, owner: httpx.Client, method: str) -> None:
    failed = []
    for path in dict.fromkeys(path for _, path, _ in ROWS):
        if method == "CONNECT" or path in ("/events", "/logout"):
            continue
        answer = owner.request(method, path.format(**world.things(path)))
        failed += [path] if broken(answer) else []
    assert failed == []


@pytest.mark.parametrize(
    "number", ["99999999999999999999999", "0", "-1", "1.5", "%00", "٣", "1%0a"]
)
def test_no_number_in_an_address_breaks_a_page(
    world: World, owner: httpx.Client, number: str
) -> None:
    failed = []
    for method, path, _ in ROWS:
        if "{" not in path or path.startswith("/logout"):
            continue
        for name in re.findall(r"{(\w+)}", path):
            things = world.things(path) | {name: number}
            answer = owner.request(method, path.format(**things))
            failed += [(method, path)] if broken(answer) else []
    assert failed == []
