"""Secrets stay where they belong: not in the log, not in a refusal, not in the hub's database; and
names that pass for others'.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import unicodedata
from pathlib import Path

import httpx
import pytest
from django.core.exceptions import ValidationError

from fieldstation.hub.logline import LogLine

from .conftest import PASSWORD, Hub, Station, make_account
from .test_attacks_requests import BODIES_ODD

SMTP = """
import sys
from pathlib import Path
from fieldstation.hub import run
sys.exit(0 if not run.try_mail(Path(sys.argv[1]), "a@example.org") else 1)
"""


@pytest.fixture
def real(hub: Hub, name: str, station: Station) -> dict[str, str]:
    """One of every kind of secret, each good."""
    from django.contrib.auth.tokens import default_token_generator

    from fieldstation.hub.accounts import tokens
    from fieldstation.hub.accounts.models import User
    from fieldstation.hub.plots import shares
    from fieldstation.hub.plots.options import options_of
    from fieldstation.hub.sensors import tokens as sensor_tokens
    from fieldstation.hub.sensors.registration import new_sensor
    from fieldstation.hub.sites import invitations
    from fieldstation.hub.sites.home import home
    from fieldstation.hub.sites.models import Role
    from fieldstation.hub.stations import keys, pins

    station.send()
    user, site = User.objects.get(username=name), home()
    sensor = new_sensor(user, site, f"sensor-{secrets.token_hex(4)}")
    options = options_of({"curve": [f"{station.slug}/inverter:battery_voltage"]})
    return {
        "PIN": pins.make_pin(keys.new_gateway(secrets.token_hex(6), site))[0],
        "key": station.key,
        "personal token": tokens.make(user, "t", "write", 7)[0],
        "sensor token": sensor_tokens.renew(sensor),
        "sensor": str(sensor.pk),
        "share": shares.make(user, options, 7)[1],
        "invitation": invitations.invite(user, site, Role.VIEWER),
        "reset": default_token_generator.make_token(user),
        "password": f"canary {secrets.token_hex(12)}",
    }


def test_no_real_secret_is_in_the_log_or_in_the_database(
    hub: Hub,
    person: httpx.Client,
    real: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each used, rightly and where it is not taken, and in the middle of a defect of the hub."""
    bearers = [f"Bearer {secret}" for secret in real.values()]
    paths = ("/api/v1/me", "/api/v1/upload_status/x", "/events")
    with hub.client() as other:
        for bearer in bearers:
            for path in paths[:2]:
                other.get(path, headers={"Authorization": bearer})
            for path in ("/api/v1/ingest", "/api/v1/report", "/BMS/post-json",
                         f"/api/v1/sensors/{real['sensor']}/readings"):  # fmt: skip
                other.post(path, headers={"Authorization": bearer}, content=b"{}")
        other.get(f"/shared/{real['share']}")
        other.get(f"/shared/{real['share']}/picture.gif")
        other.get(f"/join/{real['invitation']}")
        other.get(f"/password/new/MQ/{real['reset']}")
        other.post("/api/v1/register", json={"pin": real["PIN"], "device": "x"})
        hub.sign_in(other, "nobody", real["password"])
        defect(monkeypatch)
        other.get(f"/join/{real['invitation']}")
        hub_token = {"csrfmiddlewaretoken": hub.token(person, "/plots")}
        person.post("/account/password", data=hub_token | {"old": real["password"], "new": "x"})
    told = capfd.readouterr()
    log = "\n".join(LogLine().format(record) for record in caplog.records)
    everything = f"{told.out}\n{told.err}\n{log}".encode() + database(hub)
    for what, secret in real.items():
        if what != "sensor":
            assert secret.encode() not in everything, what
    assert "a defect" in log


def defect(monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldstation.hub.accounts import own
    from fieldstation.hub.sites import views

    def broken(*args: object, **more: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(own, "render", broken)
    monkeypatch.setattr(views, "render", broken)


def database(hub: Hub) -> bytes:
    """All bytes of the hub's own database, what is not yet merged as well."""
    return b"".join(file.read_bytes() for file in sorted(hub.data.glob("hub.sqlite3*")))


@pytest.mark.slow
def test_the_password_of_the_mail_server_is_told_nobody(tmp_path: Path) -> None:
    canary = f"canary-{secrets.token_hex(16)}"
    (tmp_path / "mail.password").write_text(canary)
    (tmp_path / "mail.toml").write_text(
        'host = "127.0.0.1"\nport = 1\nsecurity = "none"\nuser = "hub"\n'
        'password_file = "mail.password"\n'
    )
    command = [sys.executable, "-c", SMTP, str(tmp_path)]
    usual = {k: v for k, v in os.environ.items() if not k.startswith(("FIELDSTATION", "DJANGO"))}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=usual)
    assert done.returncode == 0, done.stderr
    assert "mail=refused" in done.stderr
    assert canary not in done.stdout + done.stderr


@pytest.mark.parametrize("odd", [odd for odd, (kind, _) in BODIES_ODD.items() if "json" in kind])
def test_no_document_breaks_the_door_of_a_sensor(
    anyone: httpx.Client, real: dict[str, str], odd: str
) -> None:
    headers = {"Authorization": f"Bearer {real['sensor token']}"}
    path = f"/api/v1/sensors/{real['sensor']}/readings"
    for kind in ("application/json", "application/x-ndjson"):
        answer = anyone.post(
            path, content=BODIES_ODD[odd][1], headers=headers | {"Content-Type": kind}
        )
        assert answer.status_code < 500
        assert "NaN" not in answer.text


@pytest.mark.parametrize("status", ["login", "account"])
def test_a_database_that_stays_locked_is_a_busy_hub(
    hub: Hub, person: httpx.Client, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """Not a defect: whoever asks is told to come back."""
    from django.db import OperationalError

    from fieldstation.hub.accounts import own, sessions

    def locked(*args: object, **more: object) -> None:
        raise OperationalError("database is locked")

    place, what = (sessions, "_look") if status == "login" else (own, "_page")
    monkeypatch.setattr(place, what, locked)
    answer = person.get("/account")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


@pytest.mark.parametrize(
    "name",
    [
        "аdmin",
        "gаrden",
        "paypαl",
        "ad\u200bmin",
        "ad\u202emin",
        "a\u0301dmin\u2060",
        "a\x00b",
        "a\nb",
    ],
)
def test_a_name_that_looks_like_another_is_none(hub: Hub, name: str) -> None:
    from fieldstation.hub.accounts.signup import create_account

    with pytest.raises(ValidationError):
        create_account(f"{name}{secrets.randbelow(10**9)}", PASSWORD)


def test_one_name_in_two_forms_of_writing_is_one_account(hub: Hub, anyone: httpx.Client) -> None:
    from fieldstation.hub.accounts.signup import create_account

    name = f"Zoë-Ärmel-{secrets.token_hex(3)}"
    create_account(name, PASSWORD)
    for other in (unicodedata.normalize("NFD", name), name.lower(), name.upper(), f" {name}"):
        with pytest.raises(ValidationError, match="taken"):
            create_account(other, PASSWORD)
    assert hub.sign_in(anyone, unicodedata.normalize("NFD", name), PASSWORD).status_code == 302


def test_one_address_in_two_cases_is_one_account(hub: Hub) -> None:
    from fieldstation.hub.accounts.signup import create_account

    name = make_account()
    with pytest.raises(ValidationError):
        create_account(secrets.token_hex(6), PASSWORD, f"{name.upper()}@EXAMPLE.ORG")


@pytest.mark.parametrize(
    "onward",
    [
        "//evil.example", "/\\evil.example", "https:evil.example", "http:///evil.example",
        "\x00//evil.example", "/%09/evil.example", "\thttps://evil.example", "javascript:alert(1)",
        "/\t/evil.example", "///evil.example", "logout", "account-delete", "1", "?x", "",
        "https://127.0.0.1@evil.example/", "data:text/html,x",
    ],
)  # fmt: skip
def test_no_address_after_sign_in_leads_elsewhere(
    hub: Hub, person: httpx.Client, onward: str
) -> None:
    answers = [person.get("/login", params={"next": onward})]
    with hub.client() as other:
        form = {"next": onward, "language": "de", "csrfmiddlewaretoken": hub.token(other)}
        answers += [other.post(path, data=form) for path in ("/language",)]
    assert answers[0].headers["location"] not in ("/logout", "/account/delete")
    for answer in answers:
        found = httpx.URL(hub.url).join(answer.headers.get("location", "/"))
        assert found.host == httpx.URL(hub.url).host
        assert answer.status_code < 500
