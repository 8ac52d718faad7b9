"""Accounts by the old forms: register, log in, log out.

1. Attempts are throttled as at the hub's own sign-in, and a failure does not say which of the two
   was wrong.
2. The old address of registration makes accounts only while sign-up is open to all.
3. Logging out by a link works only where there is an old site, from the hub's own pages and from
   the address line; what another site's page sends is asked about first
   (test_another_site_logs_nobody_out).
"""

from __future__ import annotations

from typing import Any

from django.contrib import auth
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from fieldstation.hub.accounts import choices, devices, sessions, throttle
from fieldstation.hub.accounts import views as accounts
from fieldstation.hub.accounts.models import SignedIn, User
from fieldstation.hub.accounts.signup import create_account
from fieldstation.hub.greenhouse import house
from fieldstation.hub.greenhouse.answers import LOGIN, SENSORS, form, go, methods, refused
from fieldstation.hub.greenhouse.forms import LoginForm, RegisterForm
from fieldstation.hub.sites.access import person

HOME = "/home"
_FLASH = "greenhouse_flash"


@sensitive_post_parameters("password", "confirm_password")
@methods("GET", "POST")
@form
def register(request: HttpRequest) -> HttpResponse:
    """A new account."""
    if isinstance(request.user, User):
        return go(SENSORS)
    if choices.sign_up() != choices.SignUp.OPEN:
        text = _("Accounts are not made here. Ask the person who runs this hub for one.")
        return refused(request, 403, text)
    sources = throttle.form_sources("sign-up", request.META.get("REMOTE_ADDR", ""))
    if request.method == "POST" and throttle.admit(sources, timezone.now()):
        return refused(request, 429)
    register_form = RegisterForm(request.POST or None)
    if register_form.is_bound and register_form.is_valid() and _created(register_form):
        flash(request, "success", _("You have been registered; log in now."))
        return go(LOGIN)
    words = {"title": _("Make an account"), "form": register_form, "send": _("Make the account")}
    return render(request, "greenhouse/form.html", words)


@sensitive_post_parameters("password")
@methods("GET", "POST")
@form
def login(request: HttpRequest) -> HttpResponse:
    """Name and password in, a session out."""
    login_form = LoginForm(request.POST or None)
    if login_form.is_bound:
        problem, wait_s = _attempt(request, login_form)
        if not problem:
            welcome = go(SENSORS)
            devices.remember(request, welcome, person(request))
            return welcome
        flash(request, "danger", problem)
        response = _login_page(request, login_form, 429 if wait_s else 200)
        if wait_s:
            response.headers["Retry-After"] = str(wait_s)
        return response
    return _login_page(request, login_form, 200)


@methods("GET", "POST")
def logout(request: HttpRequest) -> HttpResponse:
    """End the session. A POST is the button of the hub's own pages."""
    if request.method == "POST" or house.house() is None:
        return accounts.sign_out(request)
    if request.headers.get("Sec-Fetch-Site", "none") in ("cross-site", "same-site"):
        return render(request, "greenhouse/logout.html", {})
    sessions.end(SignedIn.objects.filter(session=request.session.session_key or ""))
    auth.logout(request)
    return go(HOME)


def flash(request: HttpRequest, level: str, text: str) -> None:
    """Words for the next page that is shown; `level` is success or danger."""
    request.session[_FLASH] = [level, text]


def flashed(request: HttpRequest) -> dict[str, Any]:
    """The words that wait to be shown, once."""
    level, text = request.session.pop(_FLASH, ("", ""))
    return {"level": level, "text": text} if text else {}


def _login_page(request: HttpRequest, login_form: LoginForm, status: int) -> HttpResponse:
    words = {
        "title": _("Log in"),
        "form": login_form,
        "send": _("Log in"),
        "flash": flashed(request),
    }
    return render(request, "greenhouse/form.html", words, status=status)


def _attempt(request: HttpRequest, login_form: LoginForm) -> tuple[str, int]:
    """Why nobody is logged in now, empty when somebody is; and how long to wait."""
    if not login_form.is_valid():
        return _("Log in with user name and password."), 0
    given, now = login_form.cleaned_data, timezone.now()
    device = devices.known(request, given["username"])
    address = request.META.get("REMOTE_ADDR", "")
    sources = throttle.sources_of(given["username"], address, device)
    if wait_s := throttle.admit(sources, now):
        text = ngettext(
            "Too many attempts failed. Try again in %(s)d second.",
            "Too many attempts failed. Try again in %(s)d seconds.",
            wait_s,
        )
        return text % {"s": wait_s}, wait_s
    user = auth.authenticate(request, username=given["username"], password=given["password"])
    if not isinstance(user, User):
        return _("Log in was not successful. Check user name and password."), 0
    throttle.succeeded(sources, now)
    sessions.open_session(request, user, remember=given["remember"])
    return "", 0


def _created(register_form: RegisterForm) -> bool:
    """Whether the account could be made; the reasons go to the fields."""
    given = register_form.cleaned_data
    try:
        create_account(given["username"], given["password"], given["email"])
    except ValidationError as error:
        told = getattr(error, "error_dict", None) or {"password": [error]}
        for field, errors in told.items():
            place = field if field in register_form.fields else _field_of(errors)
            for each in errors:
                register_form.add_error(place, each)
        return False
    return True


def _field_of(errors: list[ValidationError]) -> str:
    """The field of a fault that the model tells of itself: constraints have none."""
    return "email" if "e-mail" in str(errors[0]).lower() else "username"
