"""Names that want to be more than names, in everything that has one, through everything that tells
it: pages, JSON, tables, pictures, headers, mails, log lines, terminals.
"""

from __future__ import annotations

import csv
import email
import email.policy
import io
import json
import logging
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from fieldstation.cli.output import emit_json, emit_table
from fieldstation.export.csv import csv_text
from fieldstation.hub.logline import LogLine
from fieldstation.model import Channel, Kind, Layout

from .conftest import PASSWORD, Hub, Station, make_account
from .hostile import HOSTILE

PARTS = 3
LONGEST = 80


def packed() -> Iterator[str]:
    """All of them, as many as fit into the shortest name at once."""
    kept = ""
    for text in HOSTILE:
        if kept and len(kept) + 1 + len(text) > LONGEST:
            yield kept
            kept = ""
        kept += f" {text}" if kept else text
    yield kept


NAMES = tuple(packed())
PAGES = (
    "/", "/sites", "/sites/{site}", "/sites/{site}/log", "/gateways", "/gateways/{gateway}",
    "/instruments/{gateway}/probe", "/sensors", "/sensors/{sensor}", "/plots", "/plots?{query}",
    "/plots/links", "/dashboards?list", "/dashboards/{board}", "/dashboards/{board}/wall",
    "/account", "/shared/{token}", "/join/{secret}", "/operator", "/operator/admin/sites/site/",
    "/operator/admin/accounts/user/", "/operator/admin/stations/gateway/",
    "/operator/admin/sites/auditentry/",
)  # fmt: skip
DATA = (
    "/api/v1/me", "/api/v1/gateways", "/api/v1/gateways/{gateway}", "/api/v1/instruments",
    "/api/v1/instruments/{gateway}/probe", "/api/v1/instruments/{gateway}/probe/latest",
    "/api/v1/sensors", "/api/v1/sensors/{sensor}", "/plots/data.json?{query}",
    "/shared/{token}/data.json",
)  # fmt: skip
STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]")


class Nodes(HTMLParser):
    """How a page is built, without its words: tags and names of attributes, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.built: list[tuple[str, ...]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.built.append((tag, *(name for name, _ in attrs)))
        self.words += "".join(f"\n{value}" for _, value in attrs if value)

    def handle_data(self, data: str) -> None:
        self.words += data


@dataclass
class Named:
    """One of everything that has a name, all of one operator who is signed in."""

    client: httpx.Client
    station: Station
    user: Any
    site: Any
    sensor: Any
    places: dict[str, str]
    """What stands in addresses."""

    def call(self, text: str) -> None:
        """Give everything this name, past all checks of forms."""
        from fieldstation.hub.accounts.models import PersonalToken, SignedIn, User
        from fieldstation.hub.plots.models import Annotation, Dashboard, SavedPlot, Share
        from fieldstation.hub.sensors.models import Sensor
        from fieldstation.hub.sites.models import AuditEntry, Invitation, Site
        from fieldstation.hub.stations.models import Gateway

        site, user = self.site, self.user
        Site.objects.filter(pk=site.pk).update(name=text[:80])
        short = text[:80]
        Gateway.objects.filter(slug=self.station.slug).update(
            name=short, device=short, program=short
        )
        User.objects.filter(pk=user.pk).update(
            username=f"{user.pk} {text}".replace("@", "a")[:64], email=f"{user.pk} {text}"
        )
        Sensor.objects.filter(pk=self.sensor.pk).update(
            name=short, kind=short, protocol=short, description=text, units={"t": text, text: "u"}
        )
        for kind in (SavedPlot, Dashboard, Share, PersonalToken):
            kind.objects.filter(user=user).update(name=short)
        SignedIn.objects.filter(user=user).update(device=text, address=text[:64])
        Invitation.objects.filter(site=site).update(email=text)
        Annotation.objects.filter(user=user).update(text=text, who=text[:64])
        AuditEntry.objects.filter(site=site).update(
            who=text[:64], what=text[:64], thing=text, detail=text
        )
        # The wire takes no control characters in what describes an instrument.
        words = "".join(filter(str.isprintable, text))
        codes = {1: words, 2: "b"}
        layout = Layout("probe", "status", (
            Channel("number", Kind.NUMBER, words, words, headline=True),
            Channel("state", Kind.ENUM, "", words, codes=codes),
            Channel("words", Kind.TEXT, words, words),
        ))  # fmt: skip
        self.station.send([(1.5, 1, text)], instrument="probe", layout=layout)

    def at(self, path: str) -> str:
        return path.format(**self.places)


@pytest.fixture
def named(hub: Hub, new_station: Any) -> Iterator[Named]:
    from fieldstation.hub.accounts.models import User
    from fieldstation.hub.sites.models import Site
    from fieldstation.hub.stations.models import Gateway

    with hub.client() as client:
        one = furnished(client, new_station())
        assert hub.sign_in(client, one.user.username, PASSWORD).status_code == 302
        yield one
    one.sensor.delete()
    User.objects.filter(pk=one.user.pk).delete()
    Site.objects.filter(pk=one.site.pk).update(name=one.site.slug)
    Gateway.objects.filter(slug=one.station.slug).update(name=one.station.slug)


def furnished(client: httpx.Client, station: Station) -> Named:
    """A site of an operator's own with one of everything."""
    from fieldstation.hub.accounts import tokens
    from fieldstation.hub.accounts.models import User
    from fieldstation.hub.plots import shares
    from fieldstation.hub.plots.models import Annotation, Dashboard, SavedPlot
    from fieldstation.hub.plots.options import options_of
    from fieldstation.hub.sensors.registration import new_sensor
    from fieldstation.hub.sites import audit, invitations, people
    from fieldstation.hub.sites.models import Role, Site
    from fieldstation.hub.stations.models import Gateway

    slug, name = f"named-{secrets.token_hex(4)}", make_account()
    site = Site.objects.create(name=slug, slug=slug)
    User.objects.filter(username=name).update(is_operator=True)
    user = User.objects.get(username=name)
    people.join(user, site, Role.OWNER)
    Gateway.objects.filter(slug=station.slug).update(site=site)
    roof = Gateway.objects.get(slug=station.slug)
    query = options_of({"curve": [f"{station.slug}/probe:number"]})
    plot = SavedPlot.objects.create(user=user, name="p", query=query.query())
    tile = {"plot": str(plot.pk), "wide": 1, "tall": 1}
    board = Dashboard.objects.create(user=user, name="b", tiles=[tile])
    Annotation.objects.create(gateway=roof, instrument="probe", at_us=1, user=user, who="w")
    tokens.make(user, "t", "read", 7)
    audit.note(user, "site.made", slug, site=site)
    sensor = new_sensor(user, site, slug)
    places = {
        "site": slug, "gateway": station.slug, "sensor": str(sensor.pk), "board": str(board.pk),
        "query": query.query(), "token": shares.make(user, query, 7)[1],
        "secret": invitations.invite(user, site, Role.VIEWER),
    }  # fmt: skip
    return Named(client, station, user, site, sensor, places)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_name_stays_a_word_on_every_page(named: Named, part: int) -> None:
    """A page has the same elements as with a harmless name, and nobody gets a header or cookie."""
    named.call("harmless")
    usual = {path: sorted(Nodes(got(named, path).text).built) for path in PAGES}
    for text in NAMES[part::PARTS]:
        named.call(text)
        for path in PAGES:
            page = Nodes(got(named, path).text)
            assert sorted(page.built) == usual[path], (path, text)
            if path == "/sensors/{sensor}" and text.isprintable():
                assert text.strip() in page.words


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_name_stays_a_word_in_data_tables_and_pictures(named: Named, part: int) -> None:
    for text in NAMES[part::PARTS]:
        named.call(text)
        for path in DATA:
            told = json.loads(got(named, path).content)
            if path == "/api/v1/sensors/{sensor}":
                assert told["name"] == text[:80]
        safe_file(got(named, "/api/v1/instruments/{gateway}/probe/export.csv"))
        title = httpx.QueryParams({"title": text, "xtitle": text, "ytitle": text})
        drawn = named.client.get(f"/plots/picture.svg?{named.places['query']}&{title}")
        assert drawn.status_code in (200, 400), text
        if drawn.status_code == 200:
            safe_file(drawn)
            assert elements(drawn.content) <= SVG


SVG = {"svg", "metadata", "rdf", "work", "type", "date", "format", "creator", "agent", "title",
       "defs", "style", "g", "path", "use", "clippath", "rect", "text", "tspan", "image",
       "circle", "line", "polygon"}  # fmt: skip


def elements(svg: bytes) -> set[str]:
    """The kinds of elements of a picture. No element has a handler or leads anywhere."""
    found = set()
    for one in ElementTree.fromstring(svg).iter():
        found.add(one.tag.rpartition("}")[2].lower())
        for name, value in one.attrib.items():
            assert not name.lower().startswith("on")
            assert "href" not in name.lower() or value.startswith(("#", "data:image/png"))
    return found


def got(named: Named, path: str) -> httpx.Response:
    answer = named.client.get(named.at(path))
    assert answer.status_code == 200, (path, answer.status_code)
    assert not {"x-evil", "x"} & {*answer.headers, *answer.cookies}
    return answer


def safe_file(answer: httpx.Response) -> None:
    kept = answer.headers["content-disposition"]
    assert re.fullmatch(r'(inline|attachment); filename="[\w.-]+"', kept, re.ASCII), kept


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_of_a_table_is_a_formula(text: str) -> None:
    channels = (Channel("words", Kind.TEXT, text), Channel("state", Kind.ENUM, text))
    told = "".join(csv_text(channels, [([0], [[text], [text]])], unit_row=True))
    table = list(csv.reader(io.StringIO(told, newline="")))
    assert [len(row) for row in table] == [3, 3, 3]
    for cell in (cell for row in table for cell in row):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert table[2][1].removeprefix("'") == text.removeprefix("'")


@pytest.mark.slow
def test_a_pdf_keeps_names_out_of_its_objects(named: Named) -> None:
    named.call("harmless")
    for title in NAMES[::4]:
        query = f"{named.places['query']}&{httpx.QueryParams({'title': title})}"
        answer = named.client.get(f"/plots/picture.pdf?{query}")
        assert answer.status_code in (200, 400)
        assert b"/JavaScript" not in answer.content
        assert b"/URI" not in answer.content
        assert answer.content.count(b"/Title") <= 1


def test_a_name_stays_in_its_line_of_a_mail(hub: Hub) -> None:
    from fieldstation.hub.accounts import mail
    from fieldstation.hub.accounts.models import User
    from fieldstation.hub.sites.models import Site

    unique = secrets.token_hex(4)
    for number, text in enumerate(HOSTILE):
        words = {"site": Site(name=text), "user": User(username=text), "link": "https://x"}
        to = f"{unique}-{number}@example.org"
        assert mail.send(to, "You are invited to %(site)s", "invitation", **words)
        letter = newest(hub, to)
        assert len(letter.get_all("Subject", [])) == 1
        assert letter["To"] == to
        assert {name.lower() for name in letter} <= {
            "content-type", "mime-version", "content-transfer-encoding", "subject", "from", "to",
            "date", "message-id",
        }  # fmt: skip
        assert not letter.is_multipart()
    assert not mail.send("a@example.org\r\nBcc: b@example.org", "x", "test")


def newest(hub: Hub, to: str) -> email.message.EmailMessage:
    for file in (hub.data / "outbox").iterdir():
        for letter in file.read_bytes().split(b"\n" + b"-" * 79 + b"\n"):
            if b"To: %s\n" % to.encode() in letter:
                kind = email.message.EmailMessage
                return email.message_from_bytes(letter, kind, policy=email.policy.default)
    raise AssertionError(f"no mail to {to}")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_stays_one_line_of_the_log(text: str) -> None:
    record = logging.LogRecord("hub", logging.ERROR, "x", 1, "thing=%s", (text,), None)
    line = LogLine().format(record)
    assert line.startswith("level=ERROR logger=hub thing=")
    assert "\n" not in line
    assert not STEERING.search(line)


@pytest.mark.parametrize("text", HOSTILE)
def test_words_from_elsewhere_steer_no_terminal(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    emit_table(["name"], [[text]])
    emit_json({"name": text})
    table, _, document = capsys.readouterr().out.removeprefix("name\n").partition("\n")
    assert not STEERING.search(table)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", document)
    assert json.loads(document) == {"name": text}
