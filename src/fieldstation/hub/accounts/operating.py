"""The operator's page: who may sign up, whether mail works, who has an account."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fieldstation.errors import BadRequest, StoreUnavailable
from fieldstation.hub import runtime
from fieldstation.hub.accounts import changes, choices
from fieldstation.hub.accounts.leaving import carry_out
from fieldstation.hub.accounts.models import User
from fieldstation.hub.sites import audit
from fieldstation.hub.sites.access import person

PER_PAGE = 50
View = Callable[..., HttpResponse]


def for_operator(view: View) -> View:
    """For anybody else there is no such page."""

    @login_required
    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        if not person(request).is_operator:
            raise Http404
        return view(request, *args, **more)

    return asked


@for_operator
@require_safe
def operator(request: HttpRequest) -> HttpResponse:
    """What the operator chooses, and the accounts; those whose week is over are deleted first."""
    carry_out(timezone.now())
    return _page(request)


@for_operator
@require_POST
def sign_up(request: HttpRequest) -> HttpResponse:
    """Choose who may make an account."""
    mode = request.POST.get("mode", "")
    try:
        choices.choose_sign_up(mode)
    except BadRequest as error:
        return _page(request, problem=str(error), status=400)
    audit.note(person(request), "hub.sign-up", mode)
    return _page(request, notice=_("This holds from now on."))


@for_operator
@require_POST
def mail_test(request: HttpRequest) -> HttpResponse:
    """Send a mail to the operator's own address."""
    try:
        to = changes.send_test(person(request))
    except BadRequest as error:
        return _page(request, problem=str(error), status=400)
    except StoreUnavailable as error:
        return _page(request, problem=str(error), status=502)
    return _page(request, notice=_("Sent to %s.") % to)


def _page(
    request: HttpRequest, *, problem: str = "", notice: str = "", status: int = 200
) -> HttpResponse:
    people = Paginator(User.objects.order_by("username"), PER_PAGE)
    words = {
        "problem": problem,
        "notice": notice,
        "modes": choices.SignUp.choices,
        "mode": choices.sign_up(),
        "waiting": runtime.running().outbox.waiting,
        "failures": runtime.running().outbox.failures(),
        "page": people.get_page(request.GET.get("page")),
    }
    return render(request, "operator.html", words, status=status)
