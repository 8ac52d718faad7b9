"""A person's own account: password, address, sessions, tokens, a copy of all, and the end of it."""

from __future__ import annotations

import math

from django import forms
from django.contrib import auth
from django.contrib.auth.decorators import login_required
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from fieldstation.errors import BadRequest
from fieldstation.hub.accounts import copy, leaving, mail, sessions, throttle, tokens
from fieldstation.hub.accounts.models import PersonalToken, SignedIn, User
from fieldstation.hub.sites import audit
from fieldstation.hub.sites.access import person

LONGEST = 1024


@login_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """All of it on one page."""
    return _page(request)


@sensitive_post_parameters("old", "new")
@login_required
@require_POST
def password(request: HttpRequest) -> HttpResponse:
    """A new password. All sessions end; this one begins anew."""
    user, old = person(request), request.POST.get("old", "")[:LONGEST]
    new = request.POST.get("new", "")[:LONGEST]
    if (refusal := _unproved(request, user, old)) is not None:
        return refusal
    try:
        validate_password(new, user)
    except ValidationError as error:
        return _page(request, problem=" ".join(error.messages), status=400)
    user.set_password(new)
    user.save(update_fields=["password"])
    sessions.end(user.signed_in.all())
    request.session.flush()
    sessions.open_session(request, user, remember=False)
    audit.note(user, "password.changed", user.username)
    return _page(request, notice=_("The password is changed. All other sessions have ended."))


@login_required
@require_POST
def address(request: HttpRequest) -> HttpResponse:
    """Send a link to the new address. The answer is the same whoever has it already."""
    wanted = request.POST.get("email", "").strip()[:254]
    try:
        forms.EmailField().clean(wanted)
    except ValidationError as error:
        return _page(request, problem=" ".join(error.messages), status=400)
    if not mail.later("address", mail.offer_address, person(request).pk, wanted):
        return _page(request, problem=_("Too many mails wait; try again later."), status=503)
    text = _("A link is on its way to %(address)s. The address changes when you follow it.")
    return _page(request, notice=text % {"address": wanted})


@login_required
@require_POST
def end_session(request: HttpRequest, number: int) -> HttpResponse:
    """End one of the person's sessions."""
    sessions.end([get_object_or_404(SignedIn, id=number, user=person(request))])
    return redirect("account")


@login_required
@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    """End all sessions but this one."""
    sessions.end(person(request).signed_in.exclude(session=request.session.session_key))
    return redirect("account")


@login_required
@require_POST
def make_token(request: HttpRequest) -> HttpResponse:
    """A new personal token, shown this once."""
    user, form = person(request), request.POST
    days = form.get("days", "")
    try:
        text, row = tokens.make(
            user, form.get("name", ""), form.get("scope", ""), int(days) if days.isdigit() else None
        )
    except BadRequest as error:
        return _page(request, problem=str(error), status=400)
    audit.note(user, "token.made", row.name, detail=row.scope)
    return _page(request, token=text)


@login_required
@require_POST
def revoke_token(request: HttpRequest, number: int) -> HttpResponse:
    """The token opens nothing from now on."""
    row = get_object_or_404(PersonalToken, id=number, user=person(request))
    audit.note(row.user, "token.revoked", row.name)
    row.delete()
    return redirect("account")


@login_required
@require_POST
def export(request: HttpRequest) -> HttpResponseBase:
    """A zip with all that is the person's."""
    user = person(request)
    audit.note(user, "account.exported", user.username)
    response = StreamingHttpResponse(copy.pieces(user), content_type="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="fieldstation-account.zip"'
    return response


@sensitive_post_parameters("password")
@login_required
@require_POST
def delete(request: HttpRequest) -> HttpResponse:
    """Mark the account for deletion. All sessions end; signing in again is how it is undone."""
    user = person(request)
    given = request.POST.get("password", "")[:LONGEST]
    if (refusal := _unproved(request, user, given)) is not None:
        return refusal
    try:
        leaving.request_deletion(user)
    except BadRequest as error:
        return _page(request, problem=str(error), status=400)
    auth.logout(request)
    text = _("The account is deleted in 7 days. To undo this, sign in before and open Account.")
    return render(request, "said.html", {"title": _("Good-bye"), "text": text})


@login_required
@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    """Undo the deletion."""
    leaving.undo(person(request))
    return redirect("account")


def _unproved(request: HttpRequest, user: User, given: str) -> HttpResponse | None:
    """The refusal of a wrong password, slowed as at sign-in: a session left open is no place to
    guess at; None when it is the right one.
    """
    now = timezone.now()
    sources = throttle.sources_of(user.username, request.META.get("REMOTE_ADDR", ""))
    seconds = math.ceil(throttle.wait(sources, now).total_seconds())
    if seconds > 0:
        text = _("Too many attempts failed. Try again in %(s)d s.") % {"s": seconds}
        response = _page(request, problem=text, status=429)
        response.headers["Retry-After"] = str(seconds)
        return response
    if auth.authenticate(request, username=user.username, password=given) != user:
        throttle.failed(sources, now)
        return _page(request, problem=_("The present password is another one."), status=400)
    throttle.succeeded(sources)
    return None


def _page(
    request: HttpRequest, *, problem: str = "", notice: str = "", token: str = "", status: int = 200
) -> HttpResponse:
    user: User = person(request)
    words = {
        "problem": problem,
        "notice": notice,
        "token": token,
        "sessions": user.signed_in.all(),
        "here": request.session.session_key,
        "tokens": user.tokens.all(),
        "scopes": PersonalToken.Scope.choices,
        "days": tokens.DAYS,
        "now": timezone.now(),
    }
    return render(request, "account.html", words, status=status)
