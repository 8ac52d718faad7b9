"""A person's own account over HTTP: sign-up, mails, sessions, tokens, a copy, deletion."""

from __future__ import annotations

import io
import json
import re
import secrets
import smtplib
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

PASSWORD = "a long way to the sea"
ANOTHER = "quite another long one"


@pytest.fixture(autouse=True)
def own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """All tests share one address and one hub; this one's attempts count for itself."""
    from fieldstation.hub.accounts import throttle

    mark = secrets.token_hex(4)
    count = throttle._digest
    monkeypatch.setattr(throttle, "_digest", lambda *parts: count(*parts, mark))


@pytest.fixture
def open_sign_up(hub: Any) -> Any:
    """Everybody may sign up, for one test."""
    from fieldstation.hub.accounts import choices

    choices.choose_sign_up("open")
    yield
    choices.choose_sign_up("closed")


@pytest.fixture
def held_mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """No mail leaves before this is set."""
    from fieldstation.hub.accounts import mail

    gate, send_mail = threading.Event(), mail.send_mail

    def held(*words: Any) -> int:
        assert gate.wait(20)
        return send_mail(*words)

    monkeypatch.setattr(mail, "send_mail", held)
    yield gate
    gate.set()


def mails(hub: Any, to: str) -> list[str]:
    """The mails to this address, oldest first, once all that wait are sent."""
    from fieldstation.hub import runtime

    runtime.running().outbox.settle(20)
    files = sorted((hub.data / "outbox").glob("*"), key=lambda path: path.stat().st_mtime_ns)
    texts = "".join(path.read_text() for path in files).split("-" * 79)
    return [text.replace("=\n", "").replace("=3D", "=") for text in texts if f"To: {to}" in text]


def link_in(mail: str) -> str:
    found = re.search(r"http://\S+/(?:password|address|join)/\S+", mail)
    assert found, mail
    return found[0]


def post(hub: Any, client: httpx.Client, path: str, page: str = "/account", **form: str) -> Any:
    return client.post(path, data=form | {"csrfmiddlewaretoken": hub.token(client, page)})


def user(name: str) -> Any:
    from fieldstation.hub.accounts.models import User

    return User.objects.get(username=name)


# --- sign-up ---


def test_sign_up_is_closed_until_the_operator_opens_it(hub: Any, anyone: httpx.Client) -> None:
    assert anyone.get("/sign-up").status_code == 403
    assert "/sign-up" not in anyone.get("/login").text


def test_who_signs_up_is_in_and_sees_nothing_of_others(
    hub: Any, anyone: httpx.Client, open_sign_up: None, station: Any
) -> None:
    station.send()
    name = f"new-{secrets.token_hex(4)}"
    form = {"name": name, "password": PASSWORD, "email": f"{name}@example.org"}
    answer = post(hub, anyone, "/sign-up", "/sign-up", **form)
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert station.slug not in anyone.get("/gateways").text
    assert user(name).email == ""
    link = link_in(mails(hub, form["email"])[-1])
    assert post(hub, anyone, link, link).status_code == 200
    assert user(name).email == form["email"]


def test_sign_up_does_not_tell_whose_address_is_known(
    hub: Any, anyone: httpx.Client, name: str, open_sign_up: None
) -> None:
    new = f"new-{secrets.token_hex(4)}"
    form = {"name": new, "password": PASSWORD, "email": f"{name}@example.org"}
    assert post(hub, anyone, "/sign-up", "/sign-up", **form).status_code == 302
    assert user(new).email == ""
    assert "have an account with it already" in mails(hub, form["email"])[-1]


def test_sign_up_is_slowed(hub: Any, anyone: httpx.Client, open_sign_up: None) -> None:
    form = {"name": "x", "password": "short"}
    token = hub.token(anyone, "/sign-up")
    answers = [
        anyone.post("/sign-up", data=form | {"csrfmiddlewaretoken": token}) for _ in range(12)
    ]
    assert [answer.status_code for answer in answers][:11] == [400] * 11
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


# --- mails ---


def untokened(page: str) -> str:
    """The page without the tokens of its forms, which are others every time."""
    return re.sub(r'(name="csrfmiddlewaretoken" value=)"[^"]+"', r"\1", page)


def test_reset_answers_alike_for_everybody(hub: Any, anyone: httpx.Client, name: str) -> None:
    asked = [
        post(hub, anyone, "/password/forgotten", "/password/forgotten", name=who)
        for who in (name, f"{name}@example.org", "nobody-here", "nobody@example.org")
    ]
    assert {answer.status_code for answer in asked} == {200}
    assert len({untokened(answer.text) for answer in asked}) == 1
    assert len(mails(hub, f"{name}@example.org")) == 2


def test_the_time_of_an_answer_does_not_tell_who_has_an_account(
    hub: Any, anyone: httpx.Client, name: str, held_mail: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from fieldstation.hub.accounts.models import Users

    lookups: list[str] = []
    named = Users.named

    def told(users: Users, who: str) -> Any:
        lookups.append(threading.current_thread().name)
        return named(users, who)

    monkeypatch.setattr(Users, "named", told)
    for who in (f"{name}@example.org", "nobody@example.org"):
        path = "/password/forgotten"
        assert post(hub, anyone, path, path, name=who).status_code == 200
    held_mail.set()
    assert len(mails(hub, f"{name}@example.org")) == 1
    assert [thread.partition("_")[0] for thread in lookups] == ["mail", "mail"]


def test_a_full_outbox_is_said(
    hub: Any, person: httpx.Client, name: str, held_mail: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from fieldstation.hub.accounts import outbox

    monkeypatch.setattr(outbox, "MOST", 1)
    new = f"{name}@example.net"
    assert post(hub, person, "/account/address", email=new).status_code == 200
    assert post(hub, person, "/account/address", email=new).status_code == 503
    path = "/password/forgotten"
    with hub.client() as other:
        asked = [post(hub, other, path, path, name=who) for who in (name, "nobody-here")]
    assert [answer.status_code for answer in asked] == [503, 503]
    assert untokened(asked[0].text) == untokened(asked[1].text)
    held_mail.set()
    assert len(mails(hub, new)) == 1


def test_the_operator_sees_failed_mails(
    hub: Any, person: httpx.Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub import runtime
    from fieldstation.hub.accounts import mail
    from fieldstation.hub.accounts.models import User

    def refuse(*_: Any) -> None:
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr(mail, "send_mail", refuse)
    User.objects.filter(username=name).update(is_operator=True)
    post(hub, person, "/account/address", email=f"{name}@example.net")
    invited = post(hub, person, "/sites/home/invite", role="viewer", email=f"{name}@example.net")
    assert "/join/" in invited.text
    runtime.running().outbox.settle(20)
    page = person.get("/operator").text
    assert ("could not be sent" in page, "<span>invitation</span>" in page) == (True, True)
    assert "The mail could not be sent" in person.get("/sites/home").text
    User.objects.filter(username=name).update(is_operator=False)


def test_a_closing_hub_sends_what_waits_or_says_what_it_drops(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from fieldstation.hub.accounts import outbox

    sent: list[int] = []
    one, late = outbox.Outbox(), outbox.Outbox()
    for number in range(3):
        assert one.put("reset", lambda number=number: not sent.append(number))
    one.close()
    assert (sent, one.failures(), one.waiting) == ([0, 1, 2], [], 0)
    gate = threading.Event()
    late.put("reset", lambda: gate.wait(20))
    late.put("address", lambda: not sent.append(9))
    monkeypatch.setattr(outbox, "CLOSE_WITHIN_S", -1.0)
    threading.Timer(0.2, gate.set).start()
    late.close()
    assert (sent, [one.what for one in late.failures()]) == ([0, 1, 2], ["address"])
    assert "mail=dropped what=address" in caplog.text


def test_a_reset_link_works_once(hub: Any, person: httpx.Client, name: str) -> None:
    with hub.client() as other:
        post(hub, other, "/password/forgotten", "/password/forgotten", name=name)
        link = link_in(mails(hub, f"{name}@example.org")[-1])
        new = {"new_password1": ANOTHER, "new_password2": ANOTHER}
        weak = post(hub, other, link, link, new_password1="short", new_password2="short")
        assert (weak.status_code, "too short" in weak.text) == (400, True)
        assert post(hub, other, link, link, **new).status_code == 200
        assert other.get(link).status_code == 410
        assert hub.sign_in(other, name, ANOTHER).status_code == 302
    assert person.get("/").status_code == 302


def test_a_reset_link_is_good_for_an_hour(
    hub: Any, anyone: httpx.Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.auth.tokens import PasswordResetTokenGenerator, default_token_generator

    past = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1, seconds=5)
    with monkeypatch.context() as patched:
        patched.setattr(PasswordResetTokenGenerator, "_now", lambda _: past)
        token = default_token_generator.make_token(user(name))
    assert not default_token_generator.check_token(user(name), token)


def test_an_address_link_works_once(hub: Any, person: httpx.Client, name: str) -> None:
    new = f"{name}@example.net"
    assert "on its way" in post(hub, person, "/account/address", email=new).text
    assert user(name).email == f"{name}@example.org"
    link = link_in(mails(hub, new)[-1])
    assert post(hub, person, link, link).status_code == 200
    assert user(name).email == new
    assert person.get(link).status_code == 410
    assert person.get("/address/forged").status_code == 410


# --- sessions ---


def test_remember_me_decides_how_long_the_cookie_lasts(hub: Any, name: str) -> None:
    for more, lasting in (({}, False), ({"remember": "1"}, True)):
        with hub.client() as client:
            cookies = hub.sign_in(client, name, PASSWORD, **more).headers.get_list("set-cookie")
        session = next(cookie for cookie in cookies if cookie.startswith("session="))
        assert ("Max-Age=1209600" in session) is lasting


def test_a_session_ended_elsewhere_is_over_at_once(
    hub: Any, person: httpx.Client, name: str
) -> None:
    with hub.client() as other:
        hub.sign_in(other, name, PASSWORD)
        assert len(user(name).signed_in.all()) == 2
        number = user(name).signed_in.get(session=other.cookies["session"]).id
        assert post(hub, person, f"/account/sessions/{number}/end").status_code == 302
        assert other.get("/").status_code == 302
    assert person.get("/").status_code == 200


def test_nobody_ends_sessions_of_others(
    hub: Any, person: httpx.Client, new_person: Any, name: str
) -> None:
    number = user(name).signed_in.get().id
    assert post(hub, new_person(), f"/account/sessions/{number}/end").status_code == 404
    assert person.get("/").status_code == 200


@pytest.mark.parametrize(
    ("field", "age"),
    [("last_used", timedelta(hours=12, minutes=1)), ("since", timedelta(days=7, minutes=1))],
)
def test_an_idle_session_is_over_and_none_lasts_for_ever(
    person: httpx.Client, name: str, field: str, age: timedelta
) -> None:
    user(name).signed_in.update(**{field: datetime.now(UTC) - age})
    assert person.get("/").status_code == 302
    assert user(name).signed_in.count() == 0


def test_changing_the_password_ends_all_other_sessions(
    hub: Any, person: httpx.Client, name: str
) -> None:
    before = person.cookies["session"]
    with hub.client() as other:
        hub.sign_in(other, name, PASSWORD)
        wrong = post(hub, person, "/account/password", old="wrong", new=ANOTHER)
        assert wrong.status_code == 400
        assert post(hub, person, "/account/password", old=PASSWORD, new=ANOTHER).status_code == 200
        assert other.get("/").status_code == 302
    assert person.get("/").status_code == 200
    assert person.cookies["session"] != before
    assert httpx.get(f"{hub.url}/", cookies={"session": before}).status_code == 302


# --- tokens ---


def test_a_token_is_shown_once_and_kept_as_a_digest(
    hub: Any, person: httpx.Client, name: str
) -> None:
    from fieldstation.hub.accounts import tokens

    form = {"name": "laptop", "scope": "read", "days": "30"}
    page = post(hub, person, "/account/tokens", **form).text
    text = re.search(r'id="token">(fst_[\w-]{43})<', page)
    assert text
    assert text[1] not in person.get("/account").text
    found = tokens.resolve(text[1])
    assert found is not None
    assert (found.user.username, found.scope) == (name, "read")
    assert user(name).tokens.get().last_used is not None
    for file in ("hub.sqlite3", "hub.sqlite3-wal"):
        assert text[1].encode() not in (hub.data / file).read_bytes()
    number = user(name).tokens.get().id
    post(hub, person, f"/account/tokens/{number}/revoke")
    assert tokens.resolve(text[1]) is None


def test_a_token_that_is_over_opens_nothing(
    hub: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub.accounts import tokens

    owner = user(name)
    text, _ = tokens.make(owner, "script", "write", 7)
    lasting, _ = tokens.make(owner, "lasting", "read", None)
    later = datetime.now(UTC) + timedelta(days=7)
    monkeypatch.setattr(tokens, "timezone", SimpleNamespace(now=lambda: later))
    assert tokens.resolve(text) is None
    assert tokens.resolve(lasting) is not None
    assert tokens.resolve("fst_unknown") is None
    owner.delete_after = later
    owner.save()
    assert tokens.resolve(lasting) is None


# --- a copy, and the end ---


def test_the_copy_holds_what_is_mine_and_no_secret(
    hub: Any, person: httpx.Client, name: str
) -> None:
    from fieldstation.hub.accounts import tokens

    tokens.make(user(name), "my-script", "read", 7)
    answer = post(hub, person, "/account/export")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        text = archive.read("account.json").decode()
    found = json.loads(text)
    assert found["account"]["username"] == name
    assert [one["name"] for one in found["accounts.personaltoken"]] == ["my-script"]
    assert found["sites.membership"][0]["role"] == 3
    assert person.cookies["session"] not in text
    assert user(name).password not in text


@pytest.mark.parametrize(
    ("path", "field"), [("/account/password", "old"), ("/account/delete", "password")]
)
def test_a_session_left_open_is_no_place_to_guess_the_password(
    hub: Any, person: httpx.Client, name: str, path: str, field: str
) -> None:
    from fieldstation.hub.accounts import throttle

    token = hub.token(person, "/account")
    form = {field: "wrong", "new": ANOTHER, "csrfmiddlewaretoken": token}
    tries = [person.post(path, data=form).status_code for _ in range(throttle.PAIR.free + 1)]
    assert tries == [400] * len(tries)
    slowed = person.post(path, data=form | {field: PASSWORD})
    assert (slowed.status_code, int(slowed.headers["retry-after"]) >= 1) == (429, True)
    assert user(name).check_password(PASSWORD)
    assert user(name).delete_after is None


def test_deletion_can_be_undone_for_a_week(hub: Any, person: httpx.Client, name: str) -> None:
    from fieldstation.hub.accounts import leaving
    from fieldstation.hub.accounts.models import User

    assert post(hub, person, "/account/delete", password="wrong").status_code == 400
    assert post(hub, person, "/account/delete", password=PASSWORD).status_code == 200
    assert person.get("/").status_code == 302
    leaving.carry_out(datetime.now(UTC) + timedelta(days=6, hours=23))
    assert hub.sign_in(person, name, PASSWORD).status_code == 302
    post(hub, person, "/account/keep")
    leaving.carry_out(datetime.now(UTC) + timedelta(days=8))
    assert person.get("/account").status_code == 200
    post(hub, person, "/account/delete", password=PASSWORD)
    leaving.carry_out(datetime.now(UTC) + timedelta(days=7, seconds=1))
    assert not User.objects.filter(username=name).exists()
    assert hub.sign_in(person, name, PASSWORD).status_code == 401


def test_an_only_owner_hands_over_first(hub: Any, new_person: Any) -> None:
    owner = new_person()
    form = {"name": f"Orchard {secrets.token_hex(3)}", "time_zone": "Europe/Dublin"}
    assert post(hub, owner, "/sites", "/sites", **form).status_code == 302
    refused = post(hub, owner, "/account/delete", password=PASSWORD)
    assert (refused.status_code, form["name"] in refused.text) == (400, True)


# --- the operator ---


def test_the_operators_page_is_for_the_operator(hub: Any, person: httpx.Client, name: str) -> None:
    from fieldstation.hub.accounts import choices
    from fieldstation.hub.accounts.models import User

    assert person.get("/operator").status_code == 404
    assert post(hub, person, "/operator/sign-up", mode="open").status_code == 404
    User.objects.filter(username=name).update(is_operator=True)
    try:
        assert person.get("/operator").status_code == 200
        assert post(hub, person, "/operator/sign-up", mode="invited").status_code == 200
        assert choices.sign_up() == "invited"
        assert post(hub, person, "/operator/sign-up", mode="all").status_code == 400
        assert post(hub, person, "/operator/mail").status_code == 200
        assert "arrives" in mails(hub, f"{name}@example.org")[-1]
    finally:
        choices.choose_sign_up("closed")
        User.objects.filter(username=name).update(is_operator=False)
