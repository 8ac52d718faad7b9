"""Attacks on the running hub: forged forms, fixed sessions, hostile names, secrets that leak."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
import secrets
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from .conftest import PASSWORD, Hub, Station
from .test_matrix import ROWS

UNSAFE = [(method, path) for method, path, _ in ROWS if method != "GET"]
# No cookie decides there: a key, a PIN or nothing does.
WITHOUT_COOKIE = {
    "/api/v1/ingest", "/api/v1/report", "/api/v1/register", "/api/v1/activate",
    "/api/v1/quarantine_request", "/BMS/post-json", "/Tristar/post-json",
    "/Tristar/post-json/daily", "/sensors/post-json/nobody/nothing",
    "/api/v1/sensors/{sensor}/readings", "/api/v1/batches/00000000000000000000000000000000",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), UNSAFE)
def test_a_change_without_the_token_of_a_page_is_refused(
    hub: Hub, person: httpx.Client, method: str, path: str
) -> None:
    address = re.sub(r"{\w+}", "00000000-0000-0000-0000-000000000000", path)
    address = re.sub(
        r"(sensors|notes|sessions|tokens|members|invitations)/0[-0]+", r"\1/1", address
    )
    if path in WITHOUT_COOKIE:
        key = secrets.token_hex(8)
        assert person.request(method, address, json={"key": key}).status_code >= 400
        return
    for headers in ({}, {"Origin": "https://evil.example"}, {"X-CSRFToken": "x" * 64}):
        answer = person.request(method, address, headers=headers)
        assert answer.status_code in (403, 404), (path, answer.status_code)
        if answer.status_code == 404:
            assert "{" in path  # the address of no thing
    assert person.get("/account").status_code == 200


def test_a_session_from_before_is_worth_nothing_after_signing_in(hub: Hub, name: str) -> None:
    with hub.client() as planted, hub.client() as victim:
        chosen = secrets.token_hex(16)
        for client in (planted, victim):
            client.cookies.set("session", chosen, domain="127.0.0.1")
        assert hub.sign_in(victim, name, PASSWORD).status_code == 302
        issued = [cookie.value for cookie in victim.cookies.jar if cookie.name == "session"]
        assert any(value != chosen for value in issued)
        assert planted.get("/account").status_code == 302


@pytest.mark.parametrize("hostile", ["=1+1", "+1", "-1+cmd", "@SUM(A1)", "a\r\nb", '"x",y', "\t=1"])
def test_a_text_in_a_table_is_never_a_formula(
    person: httpx.Client, station: Station, hostile: str
) -> None:
    station.send([(51.2, 1, 1, True, hostile)])
    text = person.get(f"/api/v1/instruments/{station.slug}/inverter/export.csv").text
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert any(hostile.strip() in cell for cell in cells)
    assert not [cell for cell in cells if cell[:1] in tuple("=@+\t\r") or cell.startswith("-1+")]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../hub.sqlite3", "/static/%2e%2e/hub.sqlite3", "/static//etc/passwd",
        "/static/..%5c..%5chub.sqlite3", "/static/%00", "/shared/..%2f..%2fhub.sqlite3",
        "/plots/picture.png/../../hub.sqlite3", "/instruments/..%2f../x", "/sites/../secret.key",
        "/api/v1/instruments/../../../etc/passwd", "/api/v1/batches/..%2f..%2fx",
        "/sensors/post-json/..%2f/..%2fx", "/address/..%2f..%2fsecret.key", "/%2e%2e/secret.key",
    ],
)  # fmt: skip
def test_no_name_becomes_a_path(hub: Hub, person: httpx.Client, path: str) -> None:
    before = sorted(one.name for one in hub.data.parent.iterdir())
    answer = raw(hub, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert b"SQLite format" not in answer
    assert b"root:" not in answer
    assert status(answer) in (302, 400, 401, 404, 405)
    assert sorted(one.name for one in hub.data.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("Host: evil.example", {421}),
        ("Host: 127.0.0.1\r\nHost: evil.example", {200, 400, 421}),
        ("Host: 127.0.0.1\r\nX-Forwarded-Host: evil.example", {200}),
        ("Host: 127.0.0.1@evil.example", {400, 421}),
        ("Host: ", {400, 421}),
    ],
)
def test_a_forged_host_name_reaches_no_page(hub: Hub, head: str, expected: set[int]) -> None:
    answer = raw(hub, f"GET /login HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n")
    assert status(answer) in expected
    assert b"evil.example" not in answer


def test_a_forged_proxy_header_moves_nobody(hub: Hub, name: str) -> None:
    from fieldstation.hub.accounts.models import SignedIn

    with hub.client() as client:
        client.headers["X-Forwarded-For"] = "203.0.113.7"
        assert hub.sign_in(client, name, PASSWORD).status_code == 302
    assert SignedIn.objects.get(user__username=name).address == "127.0.0.1"


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /account HTTP/1.1\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345G",
        "Content-Length: -1\r\n\r\n",
        "Content-Length: 0x10\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_an_ambiguous_length_is_answered_once(hub: Hub, lines: str) -> None:
    """No second request is ever read out of the body of the first."""
    answer = raw(hub, f"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{lines}")
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert not answer or status(answer) >= 400


def test_a_body_without_end_is_cut_off(hub: Hub) -> None:
    """A gigabyte in pieces is refused after what the hub takes, and never kept."""
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    host, port = hub.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as one:
        head = "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        one.sendall(head.encode())
        sent = 0
        try:
            while sent < 1 << 30:
                one.sendall(piece)
                sent += len(piece)
                one.setblocking(False)
                try:
                    if one.recv(1, socket.MSG_PEEK):
                        break
                except BlockingIOError:
                    pass
                finally:
                    one.settimeout(20)
            answer = one.recv(65536)
        except ConnectionError:
            answer = b""
    assert sent < 64 << 20
    assert not answer or status(answer) == 413


def test_two_hundred_slow_connections_keep_nobody_out(hub: Hub) -> None:
    host, port = hub.url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port)), timeout=20) for _ in range(200)]
    try:
        for one in slow:
            one.sendall(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nx")
        with hub.client() as honest:
            answers = [honest.get("/healthz") for _ in range(50)]
        assert {answer.status_code for answer in answers} == {200}
        assert sorted(answer.elapsed.total_seconds() for answer in answers)[47] < 1
    finally:
        for one in slow:
            one.close()


@pytest.mark.slow
def test_the_check_before_going_live_is_clean(tmp_path: Path) -> None:
    environment = os.environ | {
        "FIELDSTATION_HUB_DATA": str(tmp_path), "FIELDSTATION_HUB_URL": "https://hub.example",
        "DJANGO_SETTINGS_MODULE": "fieldstation.hub.settings",
    }  # fmt: skip
    command = [sys.executable, "-m", "django", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "no issues" in done.stdout) == (0, True), done.stderr


@pytest.mark.slow
def test_cookies_of_a_hub_with_https_are_secure(tmp_path: Path) -> None:
    environment = os.environ | {
        "FIELDSTATION_HUB_DATA": str(tmp_path), "FIELDSTATION_HUB_URL": "https://hub.example",
    }  # fmt: skip
    code = (
        "import json; from fieldstation.hub import settings as s;"
        "print(json.dumps([s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE,"
        "s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE]))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    names_and_flags = ["__Host-session", "__Host-csrf", True, True, True, "Lax"]
    assert json.loads(done.stdout) == names_and_flags


def test_no_secret_comes_back_in_a_log_or_a_page(
    hub: Hub,
    person: httpx.Client,
    station: Station,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A canary in every place for secrets, in refusals and in a defect of the hub."""
    from fieldstation.hub.accounts import own

    def broken(*args: object, **more: object) -> None:
        raise RuntimeError("a defect")

    canary = f"canary-{secrets.token_hex(16)}"
    key = {"Authorization": f"Bearer fst_{canary}"}
    pages = [
        station.client.post("/api/v1/ingest", content=b"x", headers=key).text,
        station.client.get("/api/v1/me", headers=key).text,
        station.client.post("/api/v1/sensors/1/readings", json={"a": 1}, headers=key).text,
        hub.sign_in(station.client, "nobody", canary).text,
        station.client.post("/api/v1/activate", json={"pin": canary}).text,
    ]
    assert hasattr(own, "render")
    monkeypatch.setattr(own, "render", broken)
    form = {"old_password": canary, "new_password1": canary, "new_password2": canary}
    token = {"csrfmiddlewaretoken": hub.token(person, "/plots")}
    answer = person.post("/account/password", data=form | token, headers={"X-Key": canary})
    pages.append(answer.text)
    assert answer.status_code in (400, 500)
    told = capfd.readouterr()
    for text in (*pages, caplog.text, told.out, told.err):
        assert canary not in text


def test_the_hub_calls_nobody() -> None:
    """It has no client: whatever address somebody enters, nothing is fetched."""
    import fieldstation.hub

    clients = {"httpx", "requests", "urllib.request", "http.client", "aiohttp", "ftplib"}
    for file in Path(fieldstation.hub.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not clients.intersection(names), file


def raw(hub: Hub, request: str) -> bytes:
    """Whatever comes back for these bytes until the hub closes or falls silent."""
    host, port = hub.url.removeprefix("http://").split(":")
    found = b""
    with socket.create_connection((host, int(port)), timeout=3) as one:
        one.sendall(request.encode())
        try:
            while piece := one.recv(65536):
                found += piece
        except (TimeoutError, ConnectionError):
            pass
    return found


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])
