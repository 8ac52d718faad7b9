"""Registering sensors, and changing what is registered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_network

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest
from fieldstation.hub.accounts.models import User
from fieldstation.hub.sensors.leaves import channel_name
from fieldstation.hub.sensors.limits import LIMITS
from fieldstation.hub.sensors.models import Sensor
from fieldstation.hub.sites.models import Site
from fieldstation.hub.stations.models import Gateway

LONGEST_NAME, LONGEST_WORDS, LONGEST_DESCRIPTION = 80, 80, 1000
MOST_UNITS, MOST_NETWORKS = 200, 20


def hidden_gateway(site: Site) -> Gateway:
    """The gateway that the site's sensors are instruments of, made when there is none."""
    found = Gateway.objects.filter(site=site, hidden=True, slug__startswith="sensors-").first()
    if found is not None:
        return found
    slug = f"sensors-{site.slug}"
    if len(slug) > 64 or Gateway.objects.filter(slug=slug).exists():
        slug = f"sensors-{site.id.hex}"
    return Gateway.objects.create(site=site, hidden=True, slug=slug, name=_gateway_name(site))


def new_sensor(
    owner: User | None,
    site: Site,
    name: str,
    *,
    units: Mapping[str, str] | None = None,
    kind: str = "",
    protocol: str = "",
    description: str = "",
    legacy_posts: bool = False,
) -> Sensor:
    """A sensor without a token. Raises BadRequest for names, units and words that cannot be, a name
    that the owner has used, and one sensor too many.
    """
    sensor = Sensor(
        owner=owner, name=checked_name(name), units=checked_units(units or {}),
        kind=_words(_("type"), kind, LONGEST_WORDS),
        protocol=_words(_("protocol"), protocol, LONGEST_WORDS),
        description=_words(_("description"), description, LONGEST_DESCRIPTION, lines=True),
        legacy_posts=legacy_posts,
    )  # fmt: skip
    if owner is not None and owner.sensors.filter(deleted_at=None).count() >= LIMITS.sensors:
        raise BadRequest(
            _("You have %(sensors)s sensors; delete one before adding another.")
            % {"sensors": LIMITS.sensors}
        )
    try:
        with transaction.atomic():
            sensor.gateway = hidden_gateway(site)
            sensor.instrument = free_instrument(sensor.gateway, sensor.name)
            sensor.save()
    except IntegrityError as error:
        raise BadRequest(
            _("You have a sensor %(name)r already; choose another name.") % {"name": sensor.name}
        ) from error
    return sensor


def free_instrument(gateway: Gateway, name: str) -> str:
    """A name for the sensor's instrument that none of the gateway has or had."""
    base = channel_name(name)[:56].replace("_", "-").strip("-")
    taken = set(
        Sensor.objects.filter(gateway=gateway, instrument__startswith=base).values_list(
            "instrument", flat=True
        )
    )
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(each for each in numbered if each not in taken)


def rename(sensor: Sensor, name: str) -> None:
    """Call the sensor otherwise; its series keep their address. Raises BadRequest."""
    sensor.name = checked_name(name)
    try:
        with transaction.atomic():
            sensor.save(update_fields=["name"])
    except IntegrityError as error:
        raise BadRequest(
            _("There is a sensor %(name)r already; choose another name.") % {"name": sensor.name}
        ) from error


def checked_name(name: str) -> str:
    """The name without blanks around it. Raises BadRequest."""
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or "/" in name:
        raise BadRequest(
            _("A sensor's name has 1 to %(longest_name)s printable characters and no slash.")
            % {"longest_name": LONGEST_NAME}
        )
    return name


def checked_units(units: Mapping[str, str]) -> dict[str, str]:
    """Units by the values that they belong to. Raises BadRequest."""
    found = {path.strip(): unit.strip() for path, unit in units.items() if path.strip()}
    if len(found) > MOST_UNITS:
        raise BadRequest(
            _("A sensor has at most %(most_units)s units.") % {"most_units": MOST_UNITS}
        )
    for path, unit in found.items():
        if len(path) > LIMITS.path or not path.isprintable():
            raise BadRequest(
                _("The name of a value has at most %(path)s printable characters.")
                % {"path": LIMITS.path}
            )
        if len(unit) > LIMITS.unit or not unit.isprintable():
            raise BadRequest(
                _("A unit has at most %(unit)s printable characters.") % {"unit": LIMITS.unit}
            )
    return found


def units_of(text: str) -> dict[str, str]:
    """Units as people write them: a line for each value, `temperature: °C`. Raises BadRequest."""
    found: dict[str, str] = {}
    for line in re.split(r"[\r\n]+", text):
        path, sign, unit = line.rpartition(":") if ":" in line else line.rpartition("=")
        if line.strip() and not (sign and path.strip()):
            raise BadRequest(
                _("%(line)r has no unit; write such as temperature: °C.")
                % {"line": line.strip()[:40]}
            )
        if line.strip():
            found[path.strip()] = unit.strip()
    return checked_units(found)


def checked_networks(text: str) -> str:
    """Networks, one per line. Raises BadRequest."""
    words = text.replace(",", " ").split()
    if len(words) > MOST_NETWORKS:
        raise BadRequest(
            _("A sensor has at most %(most_networks)s networks.") % {"most_networks": MOST_NETWORKS}
        )
    try:
        return "\n".join(str(ip_network(word, strict=False)) for word in words)
    except ValueError as error:
        raise BadRequest(
            _("A network is written such as 192.168.1.0/24: %(error)s.") % {"error": error}
        ) from error


def _words(what: str, text: str, longest: int, *, lines: bool = False) -> str:
    text = text.strip()
    plain = "".join(text.splitlines()) if lines else text
    if len(text) > longest or not plain.isprintable():
        raise BadRequest(
            _("The %(what)s has at most %(longest)s printable characters.")
            % {"what": what, "longest": longest}
        )
    return text


def _gateway_name(site: Site) -> str:
    name = f"Sensors of {site.name}"[:80]
    if Gateway.objects.filter(site=site, name=name).exists():
        return f"Sensors of {site.name[:30]} {site.id.hex}"[:80]
    return name


def change(
    sensor: Sensor,
    *,
    name: str | None = None,
    description: str | None = None,
    legacy_posts: bool | None = None,
    networks: str | None = None,
    site: Site | None = None,
) -> None:
    """Change what is given. A sensor moves to another site only before its first post. Raises
    BadRequest.
    """
    if description is not None:
        sensor.description = _words(_("description"), description, LONGEST_DESCRIPTION, lines=True)
    if legacy_posts is not None:
        sensor.legacy_posts = legacy_posts
    if networks is not None:
        sensor.legacy_networks = checked_networks(networks)
    if site is not None and site != sensor.site:
        _move(sensor, site)
    if name is not None:
        rename(sensor, name)
    sensor.save()


def _move(sensor: Sensor, site: Site) -> None:
    if sensor.documents.exists():
        raise BadRequest(
            _(
                "A sensor that has posted stays at its site, where its series are; register "
                "another one at the new site."
            )
        )
    sensor.gateway = hidden_gateway(site)
    sensor.instrument = free_instrument(sensor.gateway, sensor.name)
