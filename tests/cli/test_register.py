"""`fieldstation register` as a person types it: against a real hub, real TLS, and strangers."""

from __future__ import annotations

import http.server
import json
import os
import pty
import select
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SITE = """[station]
name = "test"
data = "station"

[instrument.inverter]
kind = "axpert"
port = "/dev/ttyUSB0"
"""
CODE = (
    "import sys\nfrom pathlib import Path\nfrom fieldstation.hub import run\n"
    "data = Path(sys.argv[1])\n{}"
)
SERVE = CODE.format("run.serve(data, port=0, ready=lambda url: print(url, flush=True))")
PIN = CODE.format(
    "run.setup(data)\n"
    "from fieldstation.hub.stations import keys, pins\n"
    "from fieldstation.hub.stations.models import Gateway\n"
    "one = Gateway.objects.filter(name=sys.argv[2]).first() or keys.new_gateway(sys.argv[2])\n"
    "print(pins.make_pin(one)[0])\n"
)
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("FIELDSTATION_")} | {
    "NO_COLOR": "1",
    "COLUMNS": "200",
}
PROGRAM = (sys.executable, "-m", "fieldstation.cli", "register")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A running hub: its address and its data folder."""
    data = tmp_path_factory.mktemp("hub")
    command = [sys.executable, "-c", SERVE, str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip(), data
        finally:
            process.terminate()


def pin(data: Path, name: str) -> str:
    command = [sys.executable, "-c", PIN, str(data), name]
    made = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    return made.stdout.strip()


def register(cwd: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command with `typed` on standard input, which is no terminal."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        input=typed, capture_output=True, text=True, cwd=cwd, env=ENVIRONMENT, timeout=60,
        check=False,
    )  # fmt: skip


def at_a_terminal(cwd: Path, *arguments: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Run the command at a terminal and type each answer when its question stands there; its exit
    code, and all that was shown.
    """
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *arguments], stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=ENVIRONMENT
    )
    os.close(slave)
    shown, waiting, read_to = "", list(answers), 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if waiting and waiting[0][0] in shown[read_to:]:
            read_to = len(shown)
            os.write(master, waiting.pop(0)[1].encode() + b"\n")
        ready, _, _ = select.select([master], [], [], 1)
        if ready:
            try:
                piece = os.read(master, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece.decode().replace("\r\n", "\n")
    os.close(master)
    return process.wait(30), shown


def refusal(result: subprocess.CompletedProcess[str], code: int) -> str:
    """The last line on standard error of a command that failed as it should."""
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_a_pin_becomes_a_key_file_and_the_words_for_the_configuration(
    hub: tuple[str, Path], tmp_path: Path
) -> None:
    url, data = hub
    digits = pin(data, "roof")
    done = register(tmp_path, "--hub", f"{url}/gateways/roof", typed=f"{digits}\n")
    assert done.returncode == 0, done.stderr
    file = tmp_path / "gateway.key"
    assert file.stat().st_mode & 0o777 == 0o600
    key = file.read_text().strip()
    assert key.startswith("fsk_")
    assert key not in done.stdout + done.stderr
    assert f'[hub]\nurl = "{url}"\nkey_file = "gateway.key"\n' in done.stderr
    assert "'roof'" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gateway.key"]
    listed = subprocess.run(
        [sys.executable, "-m", "fieldstation.cli", "hub", "gateways", "--json", "--data", data],
        capture_output=True, text=True, check=True, env=ENVIRONMENT,
    )  # fmt: skip
    row = next(row for row in json.loads(listed.stdout) if row["name"] == "roof")
    assert (row["state"], row["version"], row["backlog"]) == ("never", "", None)


@pytest.mark.slow
def test_a_key_file_is_replaced_only_when_told_so(hub: tuple[str, Path], tmp_path: Path) -> None:
    url, data = hub
    file = tmp_path / "gateway.key"
    file.write_text("precious\n")
    digits = pin(data, "shed")
    assert "--replace" in refusal(register(tmp_path, "--hub", url, typed=digits), 2)
    assert file.read_text() == "precious\n"
    wrong = register(tmp_path, "--hub", url, "--replace", typed="00000000\n")
    assert "not valid" in refusal(wrong, 77)
    assert file.read_text() == "precious\n"
    done = register(tmp_path, "--hub", url, "--replace", typed=digits)
    assert done.returncode == 0, done.stderr
    assert file.read_text().startswith("fsk_")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_the_key_file_appears_whole_or_not_at_all(hub: tuple[str, Path], tmp_path: Path) -> None:
    url, data = hub
    refused = register(tmp_path, "--hub", url, typed="00000000\n")
    assert refused.returncode == 77
    assert list(tmp_path.iterdir()) == []
    digits = pin(data, "barn")
    nowhere = register(tmp_path, "--hub", url, "--key-file", "/proc/x/gateway.key", typed=digits)
    assert "cannot be written" in refusal(nowhere, 78)
    assert register(tmp_path, "--hub", url, typed=digits).returncode == 0


@pytest.mark.slow
def test_the_hub_section_is_added_when_the_person_agrees(
    hub: tuple[str, Path], tmp_path: Path
) -> None:
    url, data = hub
    site = tmp_path / "site.toml"
    site.write_text(SITE)
    site.chmod(0o640)
    answers = [("PIN: ", "00000000"), ("PIN: ", pin(data, "mill")), ("[y/N]", "y")]
    code, shown = at_a_terminal(tmp_path, "--hub", url, answers=answers)
    assert code == 0, shown
    assert "not valid" in shown
    assert site.read_text() == f'{SITE}\n[hub]\nurl = "{url}"\nkey_file = "gateway.key"\n'
    assert site.stat().st_mode & 0o777 == 0o640
    check = subprocess.run(
        [sys.executable, "-m", "fieldstation.cli", "check", "--config", site],
        capture_output=True, text=True, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    assert f"Readings go to {url}" in check.stderr, check.stderr
    renewed = register(tmp_path, "--hub", url, "--replace", typed=pin(data, "mill"))
    assert "goes on with the new key" in renewed.stderr


@pytest.mark.slow
def test_a_person_who_declines_keeps_the_configuration(
    hub: tuple[str, Path], tmp_path: Path
) -> None:
    url, data = hub
    site = tmp_path / "site.toml"
    site.write_text(SITE)
    answers = [("PIN: ", pin(data, "well")), ("[y/N]", "")]
    code, shown = at_a_terminal(tmp_path, "--hub", url, answers=answers)
    assert code == 0, shown
    assert site.read_text() == SITE


# --- where no hub answers ---


@contextmanager
def stranger(
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[tuple[int, list[str]]]:
    """A server that is no hub: its port, and the requests that it got."""
    asked: list[str] = []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            """Tests are quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"<!doctype html><html><body>Log in to HotelNet</body></html>", None),
        (302, b"", {"Location": "http://login.example/"}),
        (511, b"", None),
    ],
)
def test_a_login_page_of_the_network_gets_no_pin(
    tmp_path: Path, status: int, body: bytes, headers: dict[str, str] | None
) -> None:
    with stranger(status, body, headers) as (port, asked):
        result = register(tmp_path, "--hub", f"http://127.0.0.1:{port}", typed="12345678\n")
    assert "login page of the network" in refusal(result, 69)
    assert asked == ["GET /healthz"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [(404, b"nothing", "is no fieldstation hub"), (503, b"later", "is not ready")],
)
def test_another_server_is_told_apart(tmp_path: Path, status: int, body: bytes, words: str) -> None:
    with stranger(status, body) as (port, _):
        result = register(tmp_path, "--hub", f"http://127.0.0.1:{port}", typed="12345678\n")
    assert words in refusal(result, 69)


def test_an_older_hub_is_named_as_such(tmp_path: Path) -> None:
    from fieldstation.cli.enrolment import Doorstep
    from fieldstation.errors import HubUnreachable

    with stranger(404, b"{}") as (port, _):
        door = Doorstep(f"http://127.0.0.1:{port}")
        with pytest.raises(HubUnreachable, match="too old"):
            door.enrol("12345678")
        door.close()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--hub", "hub.example"), 2, "must be an address like"),
        (("--hub", "ftp://hub.example"), 2, "must be an address like"),
        (("--hub", "https://me:secret@hub.example"), 2, "must hold no user"),
        (("--hub", "http://127.0.0.1:9"), 69, "cannot be reached"),
        (("--hub", "https://no-such-host.invalid"), 69, "cannot be reached"),
        (("--hub", "http://192.0.2.1"), 2, "nothing was sent"),
        (("--hub", "https://127.0.0.1:9", "--ca-file", "/nowhere.pem"), 78, "/nowhere.pem"),
    ],
)
def test_a_mistake_gets_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    assert words in refusal(register(tmp_path, *arguments, typed="12345678\n"), code)
    assert list(tmp_path.iterdir()) == []


def test_http_in_the_open_asks_first(tmp_path: Path) -> None:
    answers = [("[y/N]", "n")]
    code, shown = at_a_terminal(tmp_path, "--hub", "http://hub.example", answers=answers)
    assert code == 2
    assert "others in the network can read the key" in shown


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this computer that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "hub.pem", folder / "hub.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


def test_the_certificates_fingerprint_is_told(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with stranger(200, b"ok\n", tls=context) as (port, asked):
        url = f"https://127.0.0.1:{port}"
        trusted = register(tmp_path, "--hub", url, "--ca-file", str(certificate[0]))
        unknown = register(tmp_path, "--hub", url, typed="12345678\n")
        plain = register(tmp_path, "--hub", f"http://127.0.0.1:{port}", typed="12345678\n")
    told = subprocess.run(
        ["openssl", "x509", "-in", certificate[0], "-noout", "-fingerprint", "-sha256"],
        check=True, capture_output=True, text=True,
    ).stdout.strip().partition("=")[2]  # fmt: skip
    assert f"SHA-256 {told}" in trusted.stderr
    assert "no PIN was given" in refusal(trusted, 2)
    assert "is not trusted here" in refusal(unknown, 69)
    assert "--ca-file" in refusal(unknown, 69)
    assert "https://" in refusal(plain, 69)
    assert asked == ["GET /healthz"]
