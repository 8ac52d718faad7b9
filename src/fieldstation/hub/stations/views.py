"""Pages of gateways: all of them, one of them, a PIN for a new or known one, its key's end.

What the pages say of reports, calendars and events comes from the API's own functions.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub import runtime
from fieldstation.hub.accounts.models import User
from fieldstation.hub.api.arrays import rfc3339
from fieldstation.hub.api.gateways import RUNS_SHOWN, standing_rows
from fieldstation.hub.instruments.catalogue import Instrument
from fieldstation.hub.instruments.freshness import State
from fieldstation.hub.ledger.runs import history
from fieldstation.hub.sites import access
from fieldstation.hub.sites.acts import is_alone
from fieldstation.hub.sites.acts import own as own_site
from fieldstation.hub.sites.models import Role, Site
from fieldstation.hub.stations import acts, keys, pins
from fieldstation.hub.stations.models import Gateway
from fieldstation.hub.stations.words import attention, ending_word, figures, state_word

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@login_required
@require_safe
def gateways(request: HttpRequest) -> HttpResponse:
    """The gateways of the person's sites, those that need somebody first."""
    user = access.person(request)
    found = list(access.stations(user).select_related("site"))
    rows = [_facts(one, facts) for one, facts in _standing(found)]
    rows.sort(key=lambda row: not row["wants"])
    words = {
        "rows": rows,
        "now_ms": _now_ms(),
        "may_add": is_alone(user) or access.sites(user, Role.EDITOR).exists(),
        "several_sites": len({one.site_id for one in found}) > 1,
    }
    return render(request, "gateways.html", words)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """The form for a new gateway; its answer is the page with the PIN."""
    user = access.person(request)
    places = list(access.sites(user, Role.EDITOR))
    words: dict[str, Any] = {"name": "", "sites": places, "site": request.GET.get("site", "")}
    words["alone"] = is_alone(user)
    if request.method != "POST":
        return render(request, "gateway_add.html", words)
    name, slug = request.POST.get("name", ""), request.POST.get("site", "")
    words |= {"name": name[: keys.LONGEST_NAME], "site": slug}
    try:
        gateway = acts.add(user, _place(user, places, slug), name)
    except BadRequest as error:
        return render(request, "gateway_add.html", words | {"problem": str(error)}, status=400)
    return _pin_page(request, gateway, *pins.make_pin(gateway))


@login_required
@require_POST
def pin(request: HttpRequest, gateway: str) -> HttpResponse:
    """A new PIN for a gateway that is known."""
    one = _find(request, gateway, Role.EDITOR)
    return _pin_page(request, one, *acts.make_pin(access.person(request), one))


@login_required
@require_safe
def gateway(request: HttpRequest, gateway: str) -> HttpResponse:
    """How one gateway stands, its calendar, its events and its key."""
    one = _find(request, gateway)
    words = _facts(one, _standing([one])[0][1])
    words |= figures(words["facts"]) | {
        "undo_until": _iso(keys.undo_until(one)),
        "old_key_until": _iso(one.old_key_until if one.old_key_hash else None),
        "revoked_at": _iso(one.revoked_at),
        "keyed_at": _iso(one.keyed_at or one.created),
        "instruments": _instruments(one),
        "runs": _runs(one, words["state"]),
        "now_ms": _now_ms(),
        "may_edit": access.may(access.person(request), Role.EDITOR, one.site),
        "page": {"api": f"/api/v1/gateways/{one.slug}", "gateway": one.slug},
    }
    return render(request, "gateway.html", words)


@login_required
@require_safe
def keyed(request: HttpRequest, gateway: str) -> HttpResponse:
    """When the gateway got its key, for the page that waits for that."""
    one = _find(request, gateway)
    at_ms = round(one.keyed_at.timestamp() * 1000) if one.keyed_at else None
    return JsonResponse({"keyed_at_ms": at_ms, "device": one.device})


@login_required
@require_POST
def revoke(request: HttpRequest, gateway: str) -> HttpResponse:
    """Refuse the gateway's key."""
    one = _find(request, gateway, Role.EDITOR)
    acts.revoke(access.person(request), one)
    return redirect("gateway", gateway)


@login_required
@require_POST
def restore(request: HttpRequest, gateway: str) -> HttpResponse:
    """Undo a revoking; after a day the page says what to do instead."""
    one = _find(request, gateway, Role.EDITOR)
    try:
        acts.restore(access.person(request), one)
    except BadRequest as error:
        words = {"status": 400, "title": _("Too late to undo"), "text": str(error)}
        return render(request, "error.html", words, status=400)
    return redirect("gateway", gateway)


@login_required
@require_POST
def one_machine(request: HttpRequest, gateway: str) -> HttpResponse:
    """End the alarm about two stations with one key."""
    one = _find(request, gateway, Role.EDITOR)
    acts.end_alarm(access.person(request), one)
    return redirect("gateway", gateway)


@login_required
@require_POST
def remove(request: HttpRequest, gateway: str) -> HttpResponse:
    """Forget a gateway that never had a key, and so has no readings."""
    one = _find(request, gateway, Role.EDITOR)
    try:
        acts.remove(access.person(request), one)
    except BadRequest as error:
        words = {"status": 400, "title": _("This gateway stays"), "text": str(error)}
        return render(request, "error.html", words, status=400)
    return redirect("gateways")


def _pin_page(request: HttpRequest, gateway: Gateway, text: str, until: datetime) -> HttpResponse:
    words = {
        "gateway": gateway,
        "pin": f"{text[:4]} {text[4:]}",
        "until_ms": round(until.timestamp() * 1000),
        "keyed_at_ms": round(gateway.keyed_at.timestamp() * 1000) if gateway.keyed_at else "",
        "hub": request.build_absolute_uri("/").rstrip("/"),
        "here_only": request.get_host().rpartition(":")[0] in LOOPBACK,
        "in_the_clear": not request.is_secure(),
        "now_ms": _now_ms(),
    }
    return render(request, "gateway_pin.html", words)


def _standing(found: list[Gateway]) -> list[tuple[Gateway, dict[str, Any]]]:
    rows = standing_rows(found, _now_ms() * 1000)
    return list(zip(found, rows, strict=True))


def _facts(one: Gateway, facts: dict[str, Any]) -> dict[str, Any]:
    wants = attention(one, facts)
    state = "revoked" if one.revoked_at else facts["state"]
    return {
        "gateway": one,
        "facts": facts,
        "wants": wants,
        "state": state,
        "word": state_word(state, registered=one.key_hash is not None),
    }


def _instruments(one: Gateway) -> list[tuple[Instrument, State]]:
    store, now_us = runtime.running().store, _now_ms() * 1000
    found = [Instrument(one, entry) for entry in store.catalogue(one.id.hex)]
    return [
        (each, each.patience.state((now_us - each.latest(store).at_us) / 1e6)) for each in found
    ]


def _runs(one: Gateway, state: str) -> list[dict[str, str]]:
    return [
        {
            "began": rfc3339(each.run.first_us),
            "heard": rfc3339(each.run.last_us),
            "version": each.run.version,
            "ending": each.ending,
            "word": ending_word(each.ending, online=state == "online"),
        }
        for each in history(one.id, RUNS_SHOWN)
    ]


def _find(request: HttpRequest, slug: str, least: Role = Role.VIEWER) -> Gateway:
    try:
        return access.station_named(access.person(request), slug, least)
    except NotFound as error:
        raise Http404(str(error)) from error


def _place(user: User, places: list[Site], slug: str) -> Site:
    """The site a new gateway comes to; with only one to choose from, that one, and for somebody who
    is alone a new one.
    """
    if not slug and is_alone(user):
        return own_site(user)
    if not places:
        raise PermissionDenied
    if not slug and len(places) > 1:
        raise BadRequest(_("Choose the site that the gateway belongs to."))
    if not slug:
        return places[0]
    try:
        return access.site_named(user, slug, Role.EDITOR)
    except NotFound as error:
        raise Http404(str(error)) from error


def _iso(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
