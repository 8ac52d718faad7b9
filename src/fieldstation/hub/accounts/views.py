"""Signing in and out."""

from __future__ import annotations

from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from fieldstation.hub.accounts import choices, devices, sessions, throttle
from fieldstation.hub.accounts.models import SignedIn, User

LONGEST_NAME, LONGEST_PASSWORD = 254, 1024


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page, and its answer: a new session, or a sentence."""
    onward = _onward(request)
    if request.user.is_authenticated:
        return redirect(onward)
    if request.method != "POST":
        return _form(request, onward)
    name = request.POST.get("name", "").strip()[:LONGEST_NAME]
    password = request.POST.get("password", "")[:LONGEST_PASSWORD]
    return _attempt(request, name, password, onward)


@require_http_methods(["GET", "POST"])
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session; its id is dead afterwards. A link does it too, as it did on the old site,
    but not one of another site: that one asks first.
    """
    elsewhere = request.headers.get("Sec-Fetch-Site", "none") in ("cross-site", "same-site")
    if request.method == "GET" and elsewhere:
        return render(request, "greenhouse/logout.html")
    SignedIn.objects.filter(session=request.session.session_key or "").delete()
    auth.logout(request)
    return redirect("login")


def _attempt(request: HttpRequest, name: str, password: str, onward: str) -> HttpResponse:
    now = timezone.now()
    device = devices.known(request, name)
    sources = throttle.sources_of(name, request.META.get("REMOTE_ADDR", ""), device)
    if seconds := throttle.admit(sources, now):
        text = ngettext(
            "Too many attempts failed. Try again in %(s)d second.",
            "Too many attempts failed. Try again in %(s)d seconds.",
            seconds,
        ) % {"s": seconds}
        response = _form(request, onward, name, text, status=429)
        response.headers["Retry-After"] = str(seconds)
        return response
    user = auth.authenticate(request, username=name, password=password)
    if not isinstance(user, User):
        text = _("Name and password do not belong together. Check both and try again.")
        return _form(request, onward, name, text, status=401)
    throttle.succeeded(sources, now)
    sessions.open_session(request, user, remember=bool(request.POST.get("remember")))
    response = redirect(onward)
    devices.remember(request, response, user)
    return response


def _form(
    request: HttpRequest, onward: str, name: str = "", problem: str = "", status: int = 200
) -> HttpResponse:
    words: dict[str, object] = {"next": onward, "name": name, "problem": problem}
    words["may_sign_up"] = choices.sign_up() == choices.SignUp.OPEN
    return render(request, "login.html", words, status=status)


def _onward(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # A path, as `redirect` would take a bare word for the name of a view.
    return wanted if safe and wanted.startswith("/") else resolve_url("dashboard")
