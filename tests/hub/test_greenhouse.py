"""The old site's contract on documents made here; recorded requests are in the vectors' test."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from fieldstation.errors import BadRequest
from fieldstation.hub.greenhouse.limits import SourceLimit

from .greenhouse_site import OldSite

TAKEN = "your data has been received."
CHARGE = {"Battery Charge": {"battery charge": 7}}


@pytest.fixture
def old(hub: Any) -> Iterator[OldSite]:
    with hub.client() as client:
        site = OldSite(client)
        site.clear()
        yield site
        site.remove()


def post(old: OldSite, path: str, document: Any = CHARGE, **headers: str) -> Any:
    return old.client.post(path, content=json.dumps(document), headers=headers)


def store(kind: str = "bms") -> Any:
    from fieldstation.hub.greenhouse import house
    from fieldstation.hub.greenhouse.models import Kind

    return house.store_of(Kind(kind))


def sign_in(old: OldSite, name: str) -> None:
    old.user(name, "a long way to the sea")
    page = old.client.get("/sensors/users/login").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    form = {"username": name, "password": "a long way to the sea", "csrf_token": found[1]}
    assert old.client.post("/sensors/users/login", data=form).status_code == 302


def test_a_route_that_is_off_takes_nothing_without_its_token(old: OldSite) -> None:
    from fieldstation.hub.sensors import tokens

    sensor = store()
    sensor.legacy_posts = False
    sensor.save()
    assert post(old, "/BMS/post-json").status_code == 403
    token = tokens.renew(sensor)
    taken = post(old, "/BMS/post-json", Authorization=f"Bearer {token}")
    assert (taken.status_code, taken.text) == (200, TAKEN)
    ((_, _, marked),) = old.documents(sensor)
    assert not marked


def test_a_post_from_another_network_is_refused(old: OldSite) -> None:
    sensor = store()
    sensor.legacy_networks = "10.0.0.0/8"
    sensor.save()
    assert post(old, "/BMS/post-json").status_code == 403
    sensor.legacy_networks = "127.0.0.0/8"
    sensor.save()
    assert post(old, "/BMS/post-json").text == TAKEN


def test_measured_at_counts_only_with_a_token(old: OldSite) -> None:
    from fieldstation.hub.sensors import tokens

    token = tokens.renew(store())
    told = {"X-Measured-At": "2020-02-03T04:05:06Z"}
    assert post(old, "/BMS/post-json", **told).text == TAKEN
    assert post(old, "/BMS/post-json", Authorization=f"Bearer {token}", **told).text == TAKEN
    times = [at_us for at_us, _, _ in old.documents(store())]
    assert times[0] == 1_580_702_706_000_000
    assert times[1] > 1_700_000_000_000_000


def test_posts_from_one_address_are_limited() -> None:
    now = [0.0]
    limit = SourceLimit(lambda: now[0])
    assert [limit.wait_s("10.0.0.1", 60) for _ in range(60)] == [0] * 60
    assert limit.wait_s("10.0.0.1", 60) == 1
    assert limit.wait_s("10.0.0.2", 60) == 0
    now[0] += 1
    assert limit.wait_s("10.0.0.1", 60) == 0
    assert limit.wait_s("10.0.0.1", 60) == 1


def test_addresses_of_one_subscriber_share_a_limit() -> None:
    limit = SourceLimit(lambda: 0.0)
    assert limit.wait_s("2001:db8::1", 1) == 0
    assert limit.wait_s("2001:db8::2", 1) == 60
    assert limit.wait_s("2001:db8:1::1", 1) == 0


def test_numbers_become_series_of_the_hub(old: OldSite) -> None:
    from fieldstation.hub.runtime import running

    assert post(old, "/BMS/post-json").text == TAKEN
    sensor = store()
    latest = running().store.latest(sensor.gateway_id.hex, sensor.instrument)
    assert latest.values["battery_charge_battery_charge"] == 7


@pytest.mark.parametrize(
    "document",
    [{}, {"Status": 3}, {"BMS Status": None}, {"Status": {"alarms": 7, "faults": ["x"]}},
     {"BMSStatus": {"overvoltage": True, " heater_enable": True}}, {"a": {"b": {"c": [1, {}]}}}],
)  # fmt: skip
def test_no_document_breaks_a_page(old: OldSite, document: Any) -> None:
    for path in ("/BMS/post-json", "/Tristar/post-json", "/Tristar/post-json/daily"):
        assert post(old, path, document).text == TAKEN
    for path in (
        "/", "/home", "/BMS/instantaneous", "/BMS/pins", "/Tristar/Instantaneous",
        "/Tristar/ChargeSettings", "/Tristar/DailyValues",
    ):  # fmt: skip
        assert old.client.get(path).status_code == 200, path


def test_warnings_come_from_flags_that_are_true(old: OldSite) -> None:
    document = {"BMSStatus": {"overvoltage": True, "undervoltage": False,
                              "Valid cell voltages": True, "battery_low": True}}  # fmt: skip
    post(old, "/BMS/post-json", document)
    page = old.client.get("/").text
    assert "BMS ERROR: overvoltage</p>" in page
    assert "<bdi>battery_low</bdi>" in old.client.get("/BMS/pins").text


def test_a_hostile_document_stays_text(old: OldSite) -> None:
    evil = "<script>alert(1)</script>"
    post(
        old, "/Tristar/post-json", {"Status": {"alarms": evil, evil: {"value": evil, "unit": evil}}}
    )
    for path in ("/", "/Tristar/Instantaneous"):
        page = old.client.get(path).text
        assert evil not in page
        assert "&lt;script&gt;" in page


def test_a_zero_with_a_unit_is_shown(old: OldSite) -> None:
    post(old, "/BMS/post-json", {"CurrentAndVoltage": {"current": {"value": 0, "unit": "A"}}})
    assert "<bdi>0 A</bdi>" in old.client.get("/BMS/Instantaneous").text


def test_closed_reads_send_pages_to_the_login_and_refuse_data(old: OldSite) -> None:
    from fieldstation.hub.greenhouse.models import Greenhouse

    Greenhouse.objects.update(open_reads=False)
    page = old.client.get("/BMS/pins")
    assert (page.status_code, page.headers["location"]) == (302, "/sensors/users/login")
    data = old.client.get("/BMS/api/single_point/2019-10-31%2010:30:44/total_voltage")
    assert data.status_code == 403
    assert "403" in data.text


def test_a_private_sensor_is_for_its_owner_and_its_token(old: OldSite) -> None:
    from fieldstation.hub.sensors import tokens

    sensor = old.sensor("olive", "dew")
    old.keep(sensor, "2019-11-21T23:08:30Z", {"dew": 3})
    path = f"/sensors/get-sensor-json-data-by-id/{sensor.pk}/2019-11-21%2023:08:30"
    assert old.client.get(path).status_code == 403
    token = tokens.renew(sensor)
    assert old.client.get(path, headers={"Authorization": f"Bearer {token}"}).json() == {"dew": 3}
    assert old.client.get(f"/sensors/get-data-by-sensor-id/{sensor.pk}").status_code == 302
    sign_in(old, "olaf")
    assert old.client.get(path).status_code == 403


def test_an_owner_opens_a_sensor_to_all(old: OldSite) -> None:
    sign_in(old, "oscar")
    sensor = old.sensor("oscar", "dew")
    old.keep(sensor, "2019-11-21T23:08:30Z", {"dew": 3})
    rows = f"/sensors/get-data-by-sensor-id/{sensor.pk}"
    page = old.client.get(rows).text
    assert "came without a token" in page
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    change = f"/sensors/public-reading/{sensor.pk}"
    form = {"public": "on", "csrfmiddlewaretoken": token[1]}
    assert old.client.post(change, data=form).status_code == 302
    old.client.cookies.clear()
    assert old.client.get(rows).status_code == 200


def test_an_old_form_posts_with_its_token(old: OldSite) -> None:
    fields = {"y_axis": "total_voltage", "start_date": "2019-10-31T10:00",
              "end_date": "2019-10-31T11:00", "interval": "10"}  # fmt: skip
    assert old.client.post("/BMS", data=fields).status_code == 403
    found = re.search(r'name="csrf_token" value="([^"]+)"', old.client.get("/BMS").text)
    assert found
    page = old.client.post("/BMS", data=fields | {"csrf_token": found[1]})
    assert page.status_code == 200
    source = re.search(r'data-source="([^"]+)"', page.text)
    assert source
    assert old.client.get(source[1]).json() == {"parameter": "total_voltage", "data": {}}


def test_the_server_draws_what_the_query_asks_for(old: OldSite) -> None:
    old.keep(store(), "2019-10-31T10:30:00Z", CHARGE)
    query = {"units": "battery_charge", "start_date": "2019-10-31T10:00", "marker": "^",
             "end_date": "2019-10-31T11:00", "interval": "10", "style": "ggplot"}  # fmt: skip
    drawn = old.client.get("/BMS/serverside/picture.png", params=query)
    assert drawn.status_code == 200
    assert drawn.content.startswith(b"\x89PNG")
    other = old.client.get("/BMS/serverside/picture.png", params=query | {"style": "bmh"})
    assert other.content != drawn.content
    assert old.client.get("/BMS/serverside/picture.png").status_code == 400


def test_another_site_logs_nobody_out(old: OldSite) -> None:
    sign_in(old, "otto")
    asked = old.client.get("/logout", headers={"Sec-Fetch-Site": "cross-site"})
    assert "Sign out?" in asked.text
    assert old.client.get("/sensors").status_code == 200
    assert old.client.get("/logout").status_code == 302
    assert old.client.get("/sensors").status_code == 302


def test_closed_sign_up_makes_no_account(old: OldSite) -> None:
    assert old.client.get("/sensors/users/register").status_code == 403


def test_head_and_options_are_answered_like_get(old: OldSite) -> None:
    assert old.client.head("/BMS/pins").status_code == 200
    options = old.client.options("/BMS/pins")
    assert (options.status_code, options.headers["allow"]) == (200, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", ["/bms/pins", "/BMS/pins/", "/TRISTAR", "/sensors/users/login/"])
def test_other_spellings_are_not_found(old: OldSite, path: str) -> None:
    assert old.client.get(path).status_code == 404


def test_a_huge_grid_is_refused(old: OldSite) -> None:
    path = "/BMS/api/0001-01-01%2000:00:00/9999-12-31%2000:00:00/1/battery_charge"
    assert old.client.get(path).status_code == 400


def test_a_grid_walks_over_gaps_and_crowds(old: OldSite) -> None:
    from fieldstation.hub.greenhouse import rows

    sensor = store()
    for day in (1, 2, 9):
        for minute in range(25):
            at = f"2020-01-{day:02d}T00:{minute:02d}:00Z"
            old.keep(sensor, at, {"Battery Charge": {"battery charge": day * 100 + minute}})
    path = "/BMS/api/2020-01-01%2000:00:00/2020-01-10%2000:00:00/7/battery_charge"
    data = old.client.get(path).json()["data"]
    times = [at_us for at_us, _, _ in old.documents(sensor)]
    start_us = 1_577_836_800_000_000
    grid = range(start_us, start_us + 9 * 86_400_000_000, 420_000_000)
    expected = {
        at_us: next(t for t in times if t >= at_us - 600_000_000)
        for at_us in grid
        if any(abs(t - at_us) <= 600_000_000 for t in times)
    }
    found = {at: place[0] for at, place in rows.on_grid(sensor, grid, 600_000_000, 600_000_000)}
    assert found == expected
    assert len(data) == len(expected)


def test_a_grid_needs_an_end() -> None:
    from fieldstation.hub.greenhouse import rows

    with pytest.raises(BadRequest):
        rows.grid(0, 10, 0)
    assert len(rows.grid(0, 99_999 * 60_000_000, 1)) == 99_999


def test_only_the_operator_sets_the_old_site_up(old: OldSite) -> None:
    from fieldstation.hub.accounts.models import User
    from fieldstation.hub.greenhouse.models import Greenhouse

    Greenhouse.objects.all().delete()
    sign_in(old, "odette")
    assert old.client.get("/old-site").status_code == 403
    User.objects.filter(username="odette").update(is_operator=True)
    page = old.client.get("/old-site")
    assert page.status_code == 200
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text) or re.search(
        r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text
    )
    assert found
    assert old.client.post("/old-site", data={"csrf_token": found[1]}).status_code == 302
    assert Greenhouse.objects.exists()
