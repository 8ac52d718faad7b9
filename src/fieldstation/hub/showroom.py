"""What the demo's hub is furnished with before it opens: people in every role, sensors, plots on a
dashboard, a share link, notes, an old site.

Everything is made by the functions that the pages use, so it obeys their rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import parse_qs

from django.db import transaction
from django.utils import timezone

from fieldstation.hub.accounts import choices, tokens
from fieldstation.hub.accounts.models import PersonalToken, User
from fieldstation.hub.furnished import Furnished
from fieldstation.hub.greenhouse import house
from fieldstation.hub.greenhouse.models import Greenhouse
from fieldstation.hub.plots import shares
from fieldstation.hub.plots.models import Annotation, Dashboard, SavedPlot
from fieldstation.hub.plots.options import options_of
from fieldstation.hub.sensors.registration import new_sensor
from fieldstation.hub.sensors.tokens import renew
from fieldstation.hub.sites import people
from fieldstation.hub.sites.home import home
from fieldstation.hub.sites.models import Role, Site
from fieldstation.hub.stations import keys
from fieldstation.hub.stations.models import Gateway

SITE = "Hill farm"
STATION = "demo station"
OPERATOR = "demo"
SHARED_DAYS, TOKEN_DAYS = 7, 7
# Where the instruments are: the station's address, and that of the site's sensors.
_STATION, _MAST = "demo-station", "sensors-home"
# By name: units of the values, type, description.
SENSORS: Mapping[str, tuple[Mapping[str, str], str, str]] = {
    "Weather mast": (
        {
            "temperature": "°C", "humidity": "%", "pressure": "hPa",
            "wind.speed": "m/s", "wind.direction": "°",
        },
        "mast, 10 m", "On the hill above the house.",
    ),
    "Rain barrel": ({}, "float switch", "Each value comes with its unit, in the document itself."),
}  # fmt: skip
# Title, curves, further options, columns and rows on the dashboard (0: saved only).
_PLOTS: Sequence[tuple[str, Sequence[str], Mapping[str, str], int, int]] = (
    ("Sun and load", ("inverter:pv1_charging_power", "inverter:ac_output_active_power"), {}, 4, 2),
    ("Sun, today over yesterday", ("inverter:pv1_charging_power",),
     {"start": "today", "compare": "1d"}, 2, 1),
    ("Battery cells", ("battery:cell_voltage_min", "battery:cell_voltage_max"),
     {"start": "-7d"}, 2, 1),
    ("Fine dust", ("air:pm_b", "air:pm_c"), {"start": "-7d"}, 2, 1),
    ("Hill and hall", ("weather-mast:temperature", "climate:temperature"), {"start": "-7d"}, 2, 1),
    ("Wind", ("weather-mast:wind_speed",), {"start": "-3d"}, 0, 0),
)  # fmt: skip
# Instrument, hours ago, words.
_NOTES = (
    ("inverter", 76.0, "Panels washed"),
    ("inverter", 20.5, "Water heater on a timer"),
    ("battery", 118.0, "Cell 5 tightened"),
    ("air", 31.0, "Neighbour burns leaves"),
)


def furnish(passwords: Mapping[str, str]) -> Furnished:
    """Fill an empty hub. `passwords` are those of `demo`, `editor` and `viewer`."""
    with transaction.atomic():
        owner = _settle(passwords)
        gateway = keys.new_gateway(STATION)
        sensors = {}
        for name, (units, kind, words) in SENSORS.items():
            made = new_sensor(owner, home(), name, units=units, kind=kind, description=words)
            sensors[name] = (made.pk, renew(made))
        shown = options_of(parse_qs(_draw(owner)[0].query))
        share = shares.make(owner, shown, SHARED_DAYS)[1]
        _annotate(owner, gateway)
        old = _old_site(owner)
        token, _ = tokens.make(owner, "demo", PersonalToken.Scope.MANAGE, TOKEN_DAYS)
        return Furnished(keys.renew(gateway), passwords, sensors, share, old, token)


def _settle(passwords: Mapping[str, str]) -> User:
    Site.objects.filter(pk=home().pk).update(name=SITE)
    choices.choose_sign_up(choices.SignUp.OPEN)
    for name, password in passwords.items():
        role = "" if name == OPERATOR else name
        people.settle(
            name, password, f"{name}@example.org", operator=False, site="home" if role else "",
            role=role,
        )  # fmt: skip
    return User.objects.get(username=OPERATOR)


def _draw(owner: User) -> list[SavedPlot]:
    plots, tiles = [], []
    for title, curves, options, wide, tall in _PLOTS:
        plot = SavedPlot.objects.create(
            user=owner, name=title, query=_query(title, curves, options)
        )
        plots.append(plot)
        if wide:
            tiles.append({"plot": str(plot.id), "wide": wide, "tall": tall})
    Dashboard.objects.create(user=owner, name=SITE, tiles=tiles, is_default=True)
    return plots


def _query(title: str, curves: Sequence[str], options: Mapping[str, str]) -> str:
    names = [f"{_MAST if one.startswith('weather-mast') else _STATION}/{one}" for one in curves]
    words = {"title": [title], "curve": names} | {name: [word] for name, word in options.items()}
    return options_of(words).query()


def _annotate(owner: User, gateway: Gateway) -> None:
    for instrument, hours, words in _NOTES:
        at = timezone.now() - timedelta(hours=hours)
        Annotation.objects.create(
            gateway=gateway, instrument=instrument, at_us=int(at.timestamp()) * 1_000_000,
            text=words, user=owner, who=owner.username,
        )  # fmt: skip


def _old_site(owner: User) -> tuple[str, str]:
    """The greenhouse, its post routes open; who reads it has to sign in."""
    found = house.set_up(posts=True)
    Greenhouse.objects.filter(pk=found.pk).update(open_reads=False)
    people.join(owner, found.site, Role.OWNER)
    people.join(User.objects.get(username="viewer"), found.site, Role.VIEWER)
    bench = new_sensor(owner, found.site, "bench", kind="thermometer", legacy_posts=True)
    return owner.username, bench.name
