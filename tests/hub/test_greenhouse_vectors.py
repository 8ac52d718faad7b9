"""Every vector of the old site's contract, posted and asked by the very requests of the file."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .greenhouse_site import OldSite, ordered, plain, vectors

ENTRIES = vectors()


def of(kind: str) -> list[Any]:
    """The entries of a kind, named."""
    return [pytest.param(each, id=each["id"]) for each in ENTRIES if each["kind"] == kind]


@pytest.fixture
def old(hub: Any) -> Iterator[OldSite]:
    with hub.client() as client:
        site = OldSite(client)
        site.clear()
        yield site
        site.remove()


@pytest.mark.parametrize("entry", of("http"))
def test_request_is_answered_as_ruled(old: OldSite, entry: dict[str, Any]) -> None:
    old.give(entry.get("given", []))
    before_us = time.time_ns() // 1000
    answer = old.ask(entry["request"])
    _check(answer, entry["expect"])
    if "expect_stored" in entry:
        _check_stored(old, entry, before_us)


@pytest.mark.parametrize("entry", of("http-table"))
def test_every_name_of_the_table_answers(old: OldSite, entry: dict[str, Any]) -> None:
    old.give(entry["given"])
    for name, value in entry["values"].items():
        path = entry["request"]["path"].replace("{parameter}", name)
        answer = old.ask(entry["request"], path)
        assert answer.status_code == entry["expect"]["status"], name
        template = entry["expect"]["json_template"]
        found = answer.json()
        assert found == template | {"parameter": name, "value": value}, name
        assert type(found["value"]) is type(value), name


@pytest.mark.parametrize("entry", of("form"))
def test_form_judges_its_fields(old: OldSite, entry: dict[str, Any]) -> None:
    from django.http import QueryDict

    from fieldstation.hub.greenhouse.forms import BmsGraphForm, SensorRequestForm

    data = QueryDict(mutable=True)
    data.update(entry["fields"])
    form: Any
    form = (
        BmsGraphForm(data)
        if entry["form"] == "bms-graph"
        else SensorRequestForm([("1", "one")], data)
    )
    assert form.is_valid() is entry["expect"]["valid"], form.errors
    assert list(form.errors) == entry["expect"].get("fields_in_error", [])


@pytest.mark.parametrize("entry", of("http-steps"))
def test_session_goes_as_recorded(old: OldSite, entry: dict[str, Any]) -> None:
    from fieldstation.hub.accounts import choices
    from fieldstation.hub.accounts.models import User

    was = choices.sign_up()
    choices.choose_sign_up(choices.SignUp.OPEN)
    try:
        for step in entry["steps"]:
            _step(old, step)
    finally:
        choices.choose_sign_up(was)
        for user in User.objects.filter(username="n1"):
            old.users["n1"] = user


def test_no_kind_of_vector_is_left_out() -> None:
    known = {"http", "http-table", "form", "http-steps"}
    assert {entry["kind"] for entry in ENTRIES} <= known


def _step(old: OldSite, step: dict[str, Any]) -> None:
    if step["method"] == "POST":
        page = old.client.get(step["path"], follow_redirects=True).text
        found = re.search(r'name="(?:csrf_token|csrfmiddlewaretoken)" value="([^"]+)"', page)
        assert found, page
        answer = old.client.post(step["path"], data=step["form"] | {"csrf_token": found[1]})
    else:
        answer = old.client.get(step["path"])
    expect = step["expect"]
    assert answer.status_code == expect["status"], (step, answer.text)
    location = answer.headers.get("location")
    if "location" in expect:
        assert location == expect["location"]
    if "location_any_of" in expect:
        assert location in expect["location_any_of"]
    if "fields_in_error" in expect:
        assert re.findall(r'data-error="(\w+)"', answer.text) == expect["fields_in_error"]
    if "flash" in expect:
        assert f'data-flash="{expect["flash"]}"' in answer.text


def _check(answer: httpx.Response, expect: dict[str, Any]) -> None:
    first = expect["status"][0] if isinstance(expect["status"], list) else expect["status"]
    assert answer.status_code == first, answer.text
    assert answer.headers["content-type"].startswith(expect.get("content_type", ""))
    if "text" in expect:
        assert answer.text == expect["text"]
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
    if "json" in expect:
        assert answer.json() == expect["json"]
    for words in expect.get("html_contains", ()):
        assert words in answer.text


def _check_stored(old: OldSite, entry: dict[str, Any], before_us: int) -> None:
    from fieldstation.hub.sensors.models import Document

    assert Document.objects.filter(received_us__gte=before_us).count() == len(
        entry["expect_stored"]
    )
    for told in entry["expect_stored"]:
        (row,) = old.documents(old.place(told))
        at_us, document, marked = row
        assert before_us <= at_us <= time.time_ns() // 1000
        assert plain(document) == plain(ordered(told))
        assert marked
