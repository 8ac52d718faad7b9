"""What the hub does by itself: deleting what was to be deleted, forgetting what is over."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from .conftest import Hub, make_account

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def on_the_hub(work: Any) -> None:
    """Wait for what runs on the hub's own event loop."""
    from fieldstation.hub import runtime

    loop = runtime.running().posts.loop
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


async def test_what_is_over_is_deleted_while_the_hub_runs(hub: Hub, person: httpx.Client) -> None:
    """An account whose week is over, documents of a sensor whose month is over, plots and
    dashboards whose day is over, rows of nobody.
    """
    work = asyncio.to_thread(_left_over)
    ids = await work
    from fieldstation.hub import runtime

    await on_the_hub(runtime.running().chores.round())
    assert await asyncio.to_thread(_still_there, ids) == []
    assert (await asyncio.to_thread(person.get, "/account")).status_code == 200


def _left_over() -> dict[str, Any]:
    from django.contrib.sessions.models import Session

    from fieldstation.hub.accounts import throttle
    from fieldstation.hub.accounts.models import SignedIn, User
    from fieldstation.hub.plots.models import Dashboard, SavedPlot
    from fieldstation.hub.sensors import intake
    from fieldstation.hub.sensors.models import Sensor
    from fieldstation.hub.sensors.registration import new_sensor
    from fieldstation.hub.sites.home import home
    from fieldstation.hub.stations import keys, pins
    from fieldstation.hub.stations.models import Pin

    word = secrets.token_hex(8)
    leaving, staying = make_account(), User.objects.get(username=make_account())
    User.objects.filter(username=leaving).update(delete_after=LONG_AGO)
    sensor = new_sensor(None, home(), word)
    intake.accept_blocking(sensor, {"t": 1}, False)
    Sensor.objects.filter(pk=sensor.pk).update(deleted_at=LONG_AGO)
    for kind in (SavedPlot, Dashboard):
        kind.objects.create(user=staying, name=word, removed_at=LONG_AGO)
    Session.objects.create(session_key=word, session_data="", expire_date=LONG_AGO)
    SignedIn.objects.create(user=staying, session=word)
    SignedIn.objects.filter(session=word).update(last_used=LONG_AGO)
    gateway = keys.new_gateway(word)
    pins.make_pin(gateway)
    Pin.objects.filter(gateway=gateway).update(valid_until=LONG_AGO)
    sources = throttle.form_sources(word, "")
    throttle.failed(sources, LONG_AGO)
    return {"user": leaving, "sensor": sensor.pk, "word": word, "gateway": gateway.pk,
            "source": sources[0][1]}  # fmt: skip


def _still_there(ids: dict[str, Any]) -> list[str]:
    from django.contrib.sessions.models import Session

    from fieldstation.hub.accounts.models import LoginFailures, SignedIn, User
    from fieldstation.hub.plots.models import Dashboard, SavedPlot
    from fieldstation.hub.sensors.models import Document
    from fieldstation.hub.stations.models import Pin

    found = {
        "account": User.objects.filter(username=ids["user"]),
        "documents": Document.objects.filter(sensor=ids["sensor"]),
        "plot": SavedPlot.objects.filter(name=ids["word"]),
        "dashboard": Dashboard.objects.filter(name=ids["word"]),
        "session": Session.objects.filter(session_key=ids["word"]),
        "signed in": SignedIn.objects.filter(session=ids["word"]),
        "PIN": Pin.objects.filter(gateway=ids["gateway"]),
        "failures": LoginFailures.objects.filter(source=ids["source"]),
    }
    return [name for name, rows in found.items() if rows.exists()]


async def test_a_chore_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    from fieldstation.hub.chores import Chores

    done: list[str] = []

    def begun(name: str) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.append(name)
        if name == "bad":
            future.set_exception(RuntimeError("a defect"))
        else:
            future.set_result(None)
        return future

    chores = Chores({name: lambda name=name: begun(name) for name in ("first", "bad", "last")})
    await chores.round()
    assert done == ["first", "bad", "last"]
    assert "chore=failed what=bad" in caplog.text


async def test_chores_are_done_again_and_again() -> None:
    from fieldstation.hub.chores import Chores

    times, thrice = [0], asyncio.Event()

    def begun() -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        times[0] += 1
        if times[0] == 3:
            thrice.set()
        return future

    chores = Chores({"one": begun}, every_s=0)
    chores.start()
    async with asyncio.timeout(10):
        await thrice.wait()
    await chores.stop()


def test_a_session_from_before_the_list_of_sessions_goes_on(
    hub: Hub, person: httpx.Client, name: str
) -> None:
    from importlib import import_module

    from django.apps import apps

    from fieldstation.hub.accounts.models import SignedIn

    migration = import_module("fieldstation.hub.accounts.migrations.0006_sessions_before")
    SignedIn.objects.filter(user__username=name).delete()
    migration.adopt(apps, None)
    assert person.get("/account").status_code == 200
    row = SignedIn.objects.get(user__username=name)
    assert not row.remembered
    assert row.since > datetime.now(UTC) - timedelta(minutes=5)
