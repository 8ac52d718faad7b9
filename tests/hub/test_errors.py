"""What people and programs see when a request cannot be answered."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest
from django.http import HttpRequest

OLD_SITE = [400, 401, 403, 404, 405, 408, 410, 413, 414, 415, 421, 429, 451, 500, 502, 503, 504]
FURTHER = [406, 411, 431]


def asked(path: str) -> HttpRequest:
    request = HttpRequest()
    request.path = path
    return request


@pytest.mark.parametrize("status", OLD_SITE + FURTHER)
def test_every_error_page_says_what_to_do_next(hub: Any, status: int) -> None:
    from fieldstation.hub import errorpages

    answer = errorpages.page(asked("/somewhere"), status)
    title, text = errorpages.WORDS[status]
    shown = answer.content.decode()
    assert answer.status_code == status
    assert f"{title} ({status})</h1>".replace("'", "&#x27;") in shown
    assert len(str(text)) > 20
    assert "<!doctype html>" in shown
    assert errorpages.page(asked("/api/v1/x"), status)["Content-Type"] == "application/problem+json"


def test_a_refusal_is_a_page_for_people_and_a_problem_for_programs(person: httpx.Client) -> None:
    page, answer = person.get("/nowhere"), person.get("/api/v1/nowhere/at/all")
    assert (page.status_code, answer.status_code) == (404, 404)
    assert page.headers["content-type"].startswith("text/html")
    assert "There is no such page (404)" in page.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["status"], answer.json()["code"]) == (404, "not-found")


def test_a_method_that_a_page_does_not_take_gets_a_page_too(person: httpx.Client) -> None:
    page, answer = person.get("/account/tokens"), person.delete("/api/v1/instruments")
    assert (page.status_code, answer.status_code) == (405, 405)
    assert "Not in this way (405)" in page.text
    assert answer.json()["code"] == "method-not-allowed"
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


def test_a_name_that_is_not_the_hubs_is_the_wrong_server(anyone: httpx.Client) -> None:
    answer = anyone.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "evil.example" not in answer.text


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/login?x=" + "a" * 20_000, {}, 414),
        ("/api/v1/instruments?x=" + "a" * 20_000, {}, 414),
        ("/login", {"X-Long": "a" * 40_000}, 431),
        ("/api/v1/instruments", {"X-Long": "a" * 40_000}, 431),
    ],
)
def test_what_is_too_long_is_refused_before_a_page_looks_at_it(
    anyone: httpx.Client, path: str, headers: dict[str, str], status: int
) -> None:
    answer = anyone.get(path, headers=headers)
    assert answer.status_code == status
    api = path.startswith("/api/")
    assert answer.headers["content-type"].startswith("application/problem" if api else "text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(("path", "kind"), [("/login", b"text/html"), ("/api/v1/sensors", b"json")])
def test_a_body_beyond_the_limit_is_refused_unread(hub: Any, path: str, kind: bytes) -> None:
    answer = raw(hub.url, f"POST {path} HTTP/1.1", "Content-Length: 1200001")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert kind in answer


def test_a_request_that_never_ends_is_given_up(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldstation.hub import patience

    monkeypatch.setattr(patience, "BODY_PAUSE_S", 0.2)
    answer = raw(hub.url, "POST /login HTTP/1.1", "Content-Length: 10")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"The request took too long (408)" in answer


def raw(url: str, first: str, header: str) -> bytes:
    """The whole answer to a request whose body never comes."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        text = f"{first}\r\nHost: {host}:{port}\r\n{header}\r\n\r\n"
        connection.sendall(text.encode())
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def test_a_busy_store_is_a_page_that_says_when_to_come_back(hub: Any) -> None:
    from fieldstation.errors import StoreUnavailable
    from fieldstation.hub.errorpages import Dressed

    dressed = Dressed(lambda request: pytest.fail("not asked"))
    answer = dressed.process_exception(asked("/"), StoreUnavailable("The store is locked."))
    assert answer is not None
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert "The store is locked." in answer.content.decode()
    assert dressed.process_exception(asked("/"), ZeroDivisionError()) is None
