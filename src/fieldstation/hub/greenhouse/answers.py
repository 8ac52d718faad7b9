"""What the views of the old addresses have in common: who is let in, refusals as pages, methods.

1. All refusals are HTML pages with the status they name, for JSON routes too (sheet, A.10).
2. A form of the old site carries its token as `csrf_token`; it is checked as Django's own
   (test_an_old_form_posts_with_its_token).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from fieldstation.errors import BadRequest, NotFound, StoreError
from fieldstation.hub.accounts.models import User
from fieldstation.hub.greenhouse import house

LOGIN, SENSORS = "/sensors/users/login", "/sensors"
READ = ("GET", "HEAD", "OPTIONS")

View = Callable[..., HttpResponse]


def methods(*allowed: str) -> Callable[[View], View]:
    """Take these methods only; GET brings HEAD and OPTIONS with it."""
    every = [*allowed, *(READ[1:] if "GET" in allowed else ())]

    def wrap(view: View) -> View:
        @wraps(view)
        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in every:
                response = refused(request, 405)
            elif request.method == "OPTIONS":
                response = HttpResponse(status=200)
            else:
                return _guarded(view, request, *args, **kwargs)
            response.headers["Allow"] = ", ".join(every)
            return response

        # What takes no form needs no token to say that it takes none.
        return answered if "POST" in allowed else csrf_exempt(answered)

    return wrap


def form(view: View) -> View:
    """A view whose POST is that of a form: its token is checked under either name."""
    checked = csrf_protect(view)

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and (token := request.POST.get("csrf_token")):
            request.META.setdefault("HTTP_X_CSRFTOKEN", token)
        return checked(request, *args, **kwargs)

    return csrf_exempt(answered)


def open_page(view: View) -> View:
    """A page of the three stores: who may not read them goes to the login."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not house.may_read_stores(request.user):
            return to_login(request)
        return view(request, *args, **kwargs)

    return answered


def open_data(view: View) -> View:
    """Data of the three stores: who may not read them is refused."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not house.may_read_stores(request.user):
            return refused(request, 403)
        return view(request, *args, **kwargs)

    return answered


def signed_in(view: View) -> View:
    """A page for people with an account."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not isinstance(request.user, User):
            return to_login(request)
        return view(request, *args, **kwargs)

    return answered


def to_login(request: HttpRequest) -> HttpResponse:
    """The way to the login. That of the old site names no page to come back to, as scripts compare
    it; without an old site it is the hub's own.
    """
    if isinstance(request.user, User):
        return refused(request, 403)
    if house.house() is None:
        return redirect_to_login(request.get_full_path())
    return redirect(LOGIN)


def json_answer(answer: Any) -> HttpResponse:
    """Data as JSON."""
    return HttpResponse(json.dumps(answer, separators=(",", ":")), content_type="application/json")


def person(request: HttpRequest) -> User:
    """Who asks; only behind `signed_in`."""
    return cast(User, request.user)


def go(path: str) -> HttpResponseRedirect:
    """302 to a path of the old site."""
    return HttpResponseRedirect(path)


def refused(request: HttpRequest, status: int, text: str = "") -> HttpResponse:
    """The error page of this status."""
    usual = {
        400: (_("Bad request"), _("The address or form makes no sense; check it and try again.")),
        403: (_("Forbidden"), _("You may not see this. Check which account you are signed in to.")),
        404: (_("Not found"), _("There is nothing here; try another place or time.")),
        405: (
            _("Method not allowed"),
            _("This address does not take what was sent; it may be for posting only."),
        ),
        429: (_("Too many requests"), _("Come back later.")),
        503: (_("Busy"), _("The hub cannot answer at the moment; try again later.")),
    }
    title, words = usual[status]
    facts = {"status": status, "title": f"{title} ({status})", "text": text or words}
    return render(request, "error.html", facts, status=status)


def _guarded(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    try:
        return view(request, *args, **kwargs)
    except NotFound as error:
        return refused(request, 404, str(error))
    except BadRequest as error:
        return refused(request, 400, str(error))
    except StoreError as error:
        response = refused(request, 503, str(error))
        response.headers["Retry-After"] = "10"
        return response
