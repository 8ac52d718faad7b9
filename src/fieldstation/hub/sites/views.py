"""Pages of sites: all of mine, one with its people, invitations, and what was done there."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.sites import access, acts, invitations, people
from fieldstation.hub.sites.access import person
from fieldstation.hub.sites.models import AuditEntry, Membership, Role, Site

PER_PAGE = 50
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
            except NotFound as error:
                raise Http404(str(error)) from error
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
            return redirect(
                "site", acts.found(user, name, request.POST.get("time_zone", "UTC")).slug
            )
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
    form = request.POST
    name, zone = form.get("name", ""), form.get("time_zone", "")
    acts.change(person(request), site, name=name, zone=zone)
    return redirect("site", site.slug)


@at_site(Role.OWNER)
@require_POST
def invite(request: HttpRequest, site: Site) -> HttpResponse:
    """An invitation: by mail when there is an address, in any case as a link shown once."""
    email, role = request.POST.get("email", ""), _role(request)
    secret, posted = acts.invite(person(request), site, role, email)
    shown = request.build_absolute_uri(reverse("join", args=[secret]))
    busy = bool(email.strip()) and not posted
    problem = _("Too many mails wait: pass on the link yourself.") if busy else ""
    return _page(request, site, link=shown, problem=problem)


@at_site(Role.OWNER)
@require_POST
def uninvite(request: HttpRequest, site: Site, number: int) -> HttpResponse:
    """Withdraw an invitation that nobody has followed."""
    acts.withdraw(person(request), site, number)
    return redirect("site", site.slug)


@at_site(Role.OWNER)
@require_POST
def set_role(request: HttpRequest, site: Site, number: int) -> HttpResponse:
    """Another role for a member; making somebody an owner is how a site is handed over."""
    acts.set_role(person(request), site, number, _role(request))
    return redirect("site", site.slug)


@at_site(Role.OWNER)
@require_POST
def remove(request: HttpRequest, site: Site, number: int) -> HttpResponse:
    """A member is none any more."""
    acts.remove(person(request), site, number)
    return redirect("site", site.slug)


@at_site(Role.VIEWER)
@require_POST
def leave(request: HttpRequest, site: Site) -> HttpResponse:
    """The person is no member any more."""
    acts.leave(person(request), site)
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


def _role(request: HttpRequest) -> Role:
    return people.role_of(request.POST.get("role", ""))


def _page(
    request: HttpRequest, site: Site, *, problem: str = "", link: str = "", status: int = 200
) -> HttpResponse:
    user = person(request)
    owner = access.may(user, Role.OWNER, site)
    words = {
        "site": site,
        "problem": problem,
        "link": link,
        "is_owner": owner,
        "members": site.memberships.select_related("user").order_by("-role", "user__username"),
        "me": site.memberships.filter(user=user).first(),
        "roles": [(role.name.lower(), role.label, role.value) for role in Role],
        "invitations": [(one, Role(one.role).label) for one in acts.open_invitations(site)]
        if owner
        else [],
        "gateways": site.gateways.filter(hidden=False),
        "zones": zones() if owner else [],
    }
    return render(request, "site.html", words, status=status)
