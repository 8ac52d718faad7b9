"""A person's own account: password, address, sessions, tokens, a copy of all, and the end of it."""

from __future__ import annotations

from django.contrib import auth
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from fieldstation.errors import BadRequest, FieldstationError, StoreUnavailable
from fieldstation.hub.accounts import changes, copy, leaving, sessions, tokens
from fieldstation.hub.accounts.models import PersonalToken, SignedIn, User
from fieldstation.hub.sites import audit
from fieldstation.hub.sites.access import person


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
    user, form = person(request), request.POST
    try:
        changes.change_password(request, user, form.get("old", ""), form.get("new", ""))
    except (BadRequest, changes.Slowed) as error:
        return _refused(request, error)
    request.session.flush()
    sessions.open_session(request, user, remember=False)
    return _page(request, notice=_("The password is changed. All other sessions have ended."))


@login_required
@require_POST
def address(request: HttpRequest) -> HttpResponse:
    """Send a link to the new address. The answer is the same whoever has it already."""
    try:
        wanted = changes.change_address(person(request), request.POST.get("email", ""))
    except (BadRequest, StoreUnavailable) as error:
        return _refused(request, error)
    text = _("A link is on its way to %(address)s. The address changes when you follow it.")
    return _page(request, notice=text % {"address": wanted})


@login_required
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Another language for this account, on every device; empty: what the browser asks for."""
    try:
        changes.change_language(person(request), request.POST.get("language", ""))
    except BadRequest as error:
        return _refused(request, error)
    return redirect("account")


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
    changes.end_others(person(request), request.session.session_key)
    return redirect("account")


@login_required
@require_POST
def make_token(request: HttpRequest) -> HttpResponse:
    """A new personal token, shown this once."""
    user, form = person(request), request.POST
    days = form.get("days", "")
    try:
        text, _row = changes.make_token(
            user, form.get("name", ""), form.get("scope", ""), int(days) if days.isdigit() else None
        )
    except BadRequest as error:
        return _refused(request, error)
    return _page(request, token=text)


@login_required
@require_POST
def revoke_token(request: HttpRequest, number: int) -> HttpResponse:
    """The token opens nothing from now on."""
    changes.revoke_token(get_object_or_404(PersonalToken, id=number, user=person(request)))
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
    try:
        changes.leave(request, person(request), request.POST.get("password", ""))
    except (BadRequest, changes.Slowed) as error:
        return _refused(request, error)
    auth.logout(request)
    text = _("The account is deleted in 7 days. To undo this, sign in before and open Account.")
    return render(request, "said.html", {"title": _("Good-bye"), "text": text})


@login_required
@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    """Undo the deletion."""
    leaving.undo(person(request))
    return redirect("account")


def _refused(request: HttpRequest, error: FieldstationError) -> HttpResponse:
    """The page with the sentence of a refusal."""
    if isinstance(error, changes.Slowed):
        response = _page(request, problem=str(error), status=429)
        response.headers["Retry-After"] = str(error.wait_s)
        return response
    return _page(request, problem=str(error), status=400 if isinstance(error, BadRequest) else 503)


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
