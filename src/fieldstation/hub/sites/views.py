"""Pages of sites: all of mine, one with its people, invitations, and what was done there.

A site keeps at least one owner: the last one hands it over before leaving
(test_a_site_keeps_an_owner).
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.sites import access, audit, invitations, people
from fieldstation.hub.sites.access import person
from fieldstation.hub.sites.models import AuditEntry, Membership, Role, Site

PER_PAGE = 50
MOST_SITES = 50
View = Callable[..., HttpResponse]


def at_site(least: Role) -> Callable[[View], View]:
    """Gives the view the site at this address, for people with at least this role."""

    def decorate(view: View) -> View:
        @login_required
        @wraps(view)
        def asked(request: HttpRequest, site: str, **more: Any) -> HttpResponse:
            try:
                found = access.site_named(person(request), site, least)
            except NotFound as error:
                raise Http404(str(error)) from error
            try:
                return view(request, found, **more)
            except BadRequest as error:
                return _page(request, found, problem=str(error), status=400)

        return asked

    return decorate


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sites(request: HttpRequest) -> HttpResponse:
    """The person's sites, and the form for a new one, which they own."""
    user, problem, name = person(request), "", request.POST.get("name", "").strip()
    if request.method == "POST":
        try:
            return redirect("site", _found(user, name, request.POST.get("time_zone", "UTC")).slug)
        except BadRequest as error:
            problem = str(error)
    found = access.sites(user).order_by("name")
    roles = dict(Membership.objects.filter(user=user).values_list("site_id", "role"))
    rows = [(one, Role(roles[one.id]).label if one.id in roles else _("operator")) for one in found]
    words = {"rows": rows, "problem": problem, "name": name[:80], "zones": zones()}
    return render(request, "sites.html", words, status=400 if problem else 200)


@at_site(Role.VIEWER)
@require_safe
def site(request: HttpRequest, site: Site) -> HttpResponse:
    """One site: its things, its people."""
    return _page(request, site)


@at_site(Role.OWNER)
@require_POST
def change(request: HttpRequest, site: Site) -> HttpResponse:
    """Another name or time zone; the address stays."""
    site.name, site.time_zone = _name(request.POST.get("name", "")), _zone(request)
    site.save(update_fields=["name", "time_zone"])
    audit.note(person(request), "site.changed", site.name, site=site, detail=site.time_zone)
    return redirect("site", site.slug)


@at_site(Role.OWNER)
@require_POST
def invite(request: HttpRequest, site: Site) -> HttpResponse:
    """An invitation: by mail when there is an address, in any case as a link shown once."""
    email = request.POST.get("email", "").strip()[:254]
    role = _role(request)
    try:
        if email:
            forms.EmailField().clean(email)
    except ValidationError as error:
        raise BadRequest(" ".join(error.messages)) from error
    secret = invitations.invite(person(request), site, role, email)
    busy = bool(email) and not invitations.post(secret)
    shown = request.build_absolute_uri(reverse("join", args=[secret]))
    problem = _("Too many mails wait: pass on the link yourself.") if busy else ""
    return _page(request, site, link=shown, problem=problem)


@at_site(Role.OWNER)
@require_POST
def uninvite(request: HttpRequest, site: Site, number: int) -> HttpResponse:
    """Withdraw an invitation that nobody has followed."""
    found = get_object_or_404(site.invitations, id=number, used_at=None)
    audit.note(person(request), "invitation.withdrawn", found.email or "link", site=site)
    found.delete()
    return redirect("site", site.slug)


@at_site(Role.OWNER)
@require_POST
def set_role(request: HttpRequest, site: Site, number: int) -> HttpResponse:
    """Another role for a member; making somebody an owner is how a site is handed over."""
    role = _role(request)
    with transaction.atomic():
        member = get_object_or_404(site.memberships.select_related("user"), id=number)
        if role < Role.OWNER:
            people.keep_an_owner(member)
        member.role = role
        member.save(update_fields=["role"])
    detail = role.name.lower()
    audit.note(person(request), "member.role", member.user.username, site=site, detail=detail)
    return redirect("site", site.slug)


@at_site(Role.OWNER)
@require_POST
def remove(request: HttpRequest, site: Site, number: int) -> HttpResponse:
    """A member is none any more."""
    with transaction.atomic():
        member = get_object_or_404(site.memberships.select_related("user"), id=number)
        people.keep_an_owner(member)
        member.delete()
    audit.note(person(request), "member.removed", member.user.username, site=site)
    return redirect("site", site.slug)


@at_site(Role.VIEWER)
@require_POST
def leave(request: HttpRequest, site: Site) -> HttpResponse:
    """The person is no member any more."""
    user = person(request)
    with transaction.atomic():
        member = get_object_or_404(site.memberships, user=user)
        people.keep_an_owner(member)
        member.delete()
    audit.note(user, "member.left", user.username, site=site)
    return redirect("sites")


@at_site(Role.OWNER)
@require_safe
def log(request: HttpRequest, site: Site) -> HttpResponse:
    """What was done at the site, newest first; by person and kind."""
    who, what = request.GET.get("who", "")[:64], request.GET.get("what", "")[:64]
    found = AuditEntry.objects.filter(site=site, who__icontains=who, what__icontains=what)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    words = {"site": site, "page": page, "who": who, "what": what}
    return render(request, "site_log.html", words)


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """The page behind an invitation. Strangers sign in or make an account first."""
    from fieldstation.hub.accounts.choices import SignUp, sign_up

    found = invitations.valid(secret)
    if found is None:
        text = _("It is used, withdrawn or older than two weeks. Ask for a new one.")
        over = {"title": _("This invitation is over"), "text": text}
        return render(request, "said.html", over, status=410)
    words: dict[str, Any] = {"invitation": found, "secret": secret, "role": Role(found.role).label}
    words["may_sign_up"] = sign_up() != SignUp.CLOSED
    if request.method != "POST" or not request.user.is_authenticated:
        return render(request, "join.html", words)
    try:
        return redirect("site", invitations.accept(person(request), secret).slug)
    except NotFound as error:
        raise Http404(str(error)) from error


def zones() -> list[str]:
    """The time zones to choose from."""
    return sorted(zoneinfo.available_timezones())


def _found(user: Any, name: str, zone: str) -> Site:
    name = _name(name)
    if zone not in zoneinfo.available_timezones():
        raise BadRequest(_("Choose a time zone from the list."))
    if user.memberships.filter(role=Role.OWNER).count() >= MOST_SITES:
        raise BadRequest(_("You own as many sites as one account may."))
    base = slugify(name)[:50] or "site"
    with transaction.atomic():
        taken = set(Site.objects.filter(slug__startswith=base).values_list("slug", flat=True))
        numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
        slug = base if base not in taken else next(s for s in numbered if s not in taken)
        made = Site.objects.create(name=name, slug=slug, time_zone=zone)
        people.join(user, made, Role.OWNER)
        audit.note(user, "site.made", name, site=made)
    return made


def _name(text: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= 80 or not text.isprintable():
        raise BadRequest(_("A site's name has 1 to 80 printable characters."))
    return text


def _zone(request: HttpRequest) -> str:
    zone = request.POST.get("time_zone", "")
    if zone not in zoneinfo.available_timezones():
        raise BadRequest(_("Choose a time zone from the list."))
    return zone


def _role(request: HttpRequest) -> Role:
    return people.role_of(request.POST.get("role", ""))


def _page(
    request: HttpRequest, site: Site, *, problem: str = "", link: str = "", status: int = 200
) -> HttpResponse:
    user = person(request)
    owner = access.may(user, Role.OWNER, site)
    open_ones = site.invitations.filter(used_at=None, valid_until__gt=timezone.now())
    words = {
        "site": site,
        "problem": problem,
        "link": link,
        "is_owner": owner,
        "members": site.memberships.select_related("user").order_by("-role", "user__username"),
        "me": site.memberships.filter(user=user).first(),
        "roles": [(role.name.lower(), role.label, role.value) for role in Role],
        "invitations": [(one, Role(one.role).label) for one in open_ones] if owner else [],
        "gateways": site.gateways.filter(hidden=False),
        "zones": zones() if owner else [],
    }
    return render(request, "site.html", words, status=status)
