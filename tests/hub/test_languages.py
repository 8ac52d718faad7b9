"""Which language somebody reads: on pages, in refusals, in mails and in pictures."""

from __future__ import annotations

import email
import email.policy
import json
import re
from typing import Any

import httpx
import pytest

WORD = {
    "en": "User name or e-mail address",
    "de": "Benutzername oder E-Mail-Adresse",
    "es": "Nombre de usuario o dirección de correo",
    "zh-hans": "用户名或电子邮件地址",
}


@pytest.fixture(autouse=True)
def _hub(hub: Any) -> None:
    """All of them ask the hub."""


def language_of(page: httpx.Response) -> str:
    found = re.search(r'<html lang="([^"]+)"', page.text)
    assert found
    return found[1]


def choose(hub: Any, client: httpx.Client, language: str) -> httpx.Response:
    form = {"language": language, "csrfmiddlewaretoken": hub.token(client, "/account")}
    return client.post("/account/language", data=form)


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("de-AT,de;q=0.9", "de"), ("es-MX", "es"), ("zh-CN,zh;q=0.9", "zh-hans"), ("zh", "zh-hans"),
        ("eo", "en"), ("", "en"), ("en-GB,de;q=0.5", "en"),
    ],
)  # fmt: skip
def test_the_browser_chooses_the_language(anyone: httpx.Client, asked: str, spoken: str) -> None:
    page = anyone.get("/login", headers={"Accept-Language": asked})
    assert language_of(page) == spoken
    assert WORD[spoken] in page.text


def test_a_stranger_chooses_in_the_footer(hub: Any, anyone: httpx.Client) -> None:
    page = anyone.get("/password/forgotten")
    assert 'name="next" value="/password/forgotten"' in page.text
    form = {"language": "es", "next": "/password/forgotten"}
    assert anyone.post("/language", data=form).status_code == 403, "no token, no cookie"
    form["csrfmiddlewaretoken"] = hub.token(anyone)
    answer = anyone.post("/language", data=form)
    assert (answer.status_code, answer.headers["location"]) == (302, "/password/forgotten")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("language=es;")
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Lax", "Max-Age=31536000"))
    assert language_of(anyone.get("/login", headers={"Accept-Language": "de"})) == "es"


def test_the_footer_leads_to_no_other_site(hub: Any, anyone: httpx.Client) -> None:
    form = {"language": "de", "next": "https://example.org/", "csrfmiddlewaretoken": ""}
    form["csrfmiddlewaretoken"] = hub.token(anyone)
    assert "example.org" not in anyone.post("/language", data=form).headers["location"]


def test_the_language_of_the_account_comes_first(hub: Any, person: httpx.Client) -> None:
    german = {"Accept-Language": "de"}
    assert language_of(person.get("/account", headers=german)) == "de"
    person.cookies.set("language", "es")
    assert language_of(person.get("/account", headers=german)) == "es"
    assert choose(hub, person, "zh-hans").status_code == 302
    page = person.get("/account", headers=german)
    assert language_of(page) == "zh-hans"
    assert page.headers["content-language"] == "zh-hans"
    assert '<option value="zh-hans" lang="zh-hans" selected>' in page.text
    assert choose(hub, person, "").status_code == 302
    assert language_of(person.get("/account", headers=german)) == "es"


def test_a_language_that_the_hub_does_not_speak_is_refused(hub: Any, person: httpx.Client) -> None:
    answer = choose(hub, person, "tlh")
    assert answer.status_code == 400
    assert "does not speak" in answer.text


def test_nobody_reads_the_language_of_the_request_before(hub: Any, person: httpx.Client) -> None:
    choose(hub, person, "es")
    for _ in range(10):
        assert language_of(person.get("/account")) == "es"
        with hub.client() as other:
            assert language_of(other.get("/login")) == "en"


def test_refusals_speak_the_language_of_who_asks(hub: Any, person: httpx.Client) -> None:
    path = "/api/v1/instruments/nowhere/nothing/readings"
    plain = person.get(path).json()["detail"]
    assert plain.startswith("There is no gateway 'nowhere'.")
    assert "No hay ninguna" in person.get(path, headers={"Accept-Language": "es"}).json()["detail"]
    choose(hub, person, "de")
    refusal = person.get(path).json()
    assert refusal["detail"].startswith("Es gibt kein Gateway")
    assert (refusal["title"], refusal["code"]) == ("Not Found", "not-found")


def test_a_page_brings_the_texts_of_its_scripts(hub: Any, person: httpx.Client) -> None:
    assert 'id="texts"' not in person.get("/").text
    for language, word in (("de", "vor %(age)s"), ("es", "hace %(age)s"), ("zh-CN", "%(age)s前")):
        page = person.get("/", headers={"Accept-Language": language}).text
        found = re.search(r'<script id="texts" type="application/json">(.*?)</script>', page)
        assert found
        texts = json.loads(found[1])
        assert texts["%(age)s ago"] == word
        forms = texts["%(n)s reading"]
        assert len(forms) == (1 if language == "zh-CN" else 2)
        assert len(found[0].encode()) < 14_000


def test_numbers_are_written_in_the_language(hub: Any, person: httpx.Client, station: Any) -> None:
    station.send()
    path = f"/instruments/{station.slug}/inverter"
    assert "<bdi>51.2</bdi>" in person.get(path).text
    page = person.get(path, headers={"Accept-Language": "de"}).text
    assert "<bdi>51,2</bdi>" in page
    rows = person.get(f"/api/v1{path}/export.csv", headers={"Accept-Language": "de"}).text
    assert "51.2" in rows
    assert "51,2" not in rows


def sent(hub: Any, to: str) -> list[Any]:
    """The mails to this address, the oldest first."""
    from fieldstation.hub import runtime

    runtime.running().outbox.settle(20)
    files = sorted((hub.data / "outbox").glob("*"), key=lambda path: path.stat().st_mtime_ns)
    texts = [text.strip() for path in files for text in path.read_text().split("-" * 79)]
    parsed = [
        email.message_from_bytes(text.encode(), policy=email.policy.default) for text in texts
    ]
    return [mail for mail in parsed if mail["To"] == to]


def test_a_mail_speaks_the_language_of_its_reader(
    hub: Any, anyone: httpx.Client, name: str, new_person: Any
) -> None:
    def ask(language: str) -> Any:
        form = {"name": name, "csrfmiddlewaretoken": hub.token(anyone)}
        headers = {"Accept-Language": language}
        assert anyone.post("/password/forgotten", data=form, headers=headers).status_code == 200
        return sent(hub, f"{name}@example.org")[-1]

    assert ask("")["Subject"] == "A new password for your hub"
    assert ask("de")["Subject"] == "Ein neues Passwort für Ihren Hub"
    with hub.client() as owner:
        hub.sign_in(owner, name, "a long way to the sea")
        choose(hub, owner, "zh-hans")
    mail = ask("de")
    assert mail["Subject"] == "您的中枢的新密码"
    assert "有人为您在" in mail.get_content()
    # To an address that another account has: in the language of that account.
    other = new_person()
    form = {
        "email": f"{name}@example.org",
        "csrfmiddlewaretoken": hub.token(other, "/account"),
    }
    assert other.post("/account/address", data=form).status_code == 200
    assert sent(hub, f"{name}@example.org")[-1]["Subject"] == "您在中枢的地址"


def test_a_stranger_is_invited_in_the_language_of_the_page(
    hub: Any, person: httpx.Client, name: str
) -> None:
    form = {"email": f"friend-of-{name}@example.org", "role": "viewer"}
    form["csrfmiddlewaretoken"] = hub.token(person, "/sites/home")
    answer = person.post("/sites/home/invite", data=form, headers={"Accept-Language": "es"})
    assert answer.status_code == 200, answer.text
    (mail,) = sent(hub, form["email"])
    assert mail["Subject"].startswith("Le invitan a ")
    assert f"{name} le invita" in mail.get_content()


def test_pictures_of_the_server_speak_a_language_that_their_font_has(
    person: httpx.Client, station: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub.plots import answers

    drawn: list[Any] = []
    draw = answers.DRAWERS.draw
    monkeypatch.setattr(
        answers.DRAWERS, "draw", lambda picture: drawn.append(picture) or draw(picture)
    )
    station.send()
    query = f"?curve={station.slug}/inverter:battery_voltage&title=温室"
    for language in ("de", "zh-CN"):
        headers = {"Accept-Language": language}
        answer = person.get(f"/plots/picture.png{query}", headers=headers)
        assert answer.content.startswith(b"\x89PNG"), answer.text
    assert [one.curves[0].label for one in drawn] == ["Batteriespannung", "Battery voltage"]
    assert {one.look.title for one in drawn} == {"温室"}
    page = person.get(f"/plots{query}", headers={"Accept-Language": "zh-CN"}).text
    assert "电池电压" in page
