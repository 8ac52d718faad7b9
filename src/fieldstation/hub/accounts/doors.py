"""Doors for people who are not signed in: an account of one's own, a forgotten password, a link out
of a mail. Whoever knocks learns nothing about who has an account.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlsafe_base64_decode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from fieldstation.hub.accounts import choices, mail, sessions, throttle
from fieldstation.hub.accounts.models import User
from fieldstation.hub.accounts.signup import create_account
from fieldstation.hub.sites import audit, invitations

LONGEST = 1024


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """A new account, when sign-up is open or the person holds an invitation."""
    secret = request.POST.get("invitation", request.GET.get("invitation", ""))[:100]
    invitation = invitations.valid(secret) if secret else None
    mode = choices.sign_up()
    allowed = mode == choices.SignUp.OPEN or (invitation and mode == choices.SignUp.INVITED)
    if not allowed:
        return _said(request, _("No sign-up here"), _("Ask the person who runs this hub."), 403)
    words: dict[str, Any] = {"invitation": secret, "site": invitation and invitation.site}
    if request.method != "POST":
        return render(request, "sign_up.html", words)
    if (refusal := _slowed(request, "sign-up")) is not None:
        return refusal
    name, email = request.POST.get("name", "")[:254], request.POST.get("email", "")[:254]
    try:
        if email:
            forms.EmailField().clean(email)
        with transaction.atomic():
            user = create_account(name, request.POST.get("password", "")[:LONGEST])
            audit.note(user, "account.made", user.username, detail="sign-up")
    except ValidationError as error:
        words |= {"name": name, "email": email, "problem": " ".join(error.messages)}
        return render(request, "sign_up.html", words, status=400)
    if email:
        mail.ask_address(user, email)
    sessions.open_session(request, user, remember=False)
    return redirect("join", secret) if invitation else redirect("dashboard")


@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """The form for a forgotten password. Its answer is the same for every address."""
    if request.method != "POST":
        return render(request, "password_forgotten.html")
    if (refusal := _slowed(request, "forgotten")) is not None:
        return refusal
    if not mail.later("reset", mail.reset, request.POST.get("name", "").strip()[:254]):
        return _said(request, _("Too many mails wait"), _("Try again in some minutes."), 503)
    text = _(
        "If an account with an e-mail address fits, a link is on its way. It is good for an hour."
    )
    return _said(request, _("Look into your mail"), text, 200)


@sensitive_post_parameters("new_password1", "new_password2")
@require_http_methods(["GET", "HEAD", "POST"])
def new_password(request: HttpRequest, who: str, token: str) -> HttpResponse:
    """The page behind the link of a reset mail."""
    user = _owner(who)
    if user is None or not default_token_generator.check_token(user, token):
        text = _("It was used already or is older than an hour. Ask for a new one.")
        return _said(request, _("This link is over"), text, 410)
    form = SetPasswordForm(user, request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        faults = [str(text) for texts in form.errors.values() for text in texts]
        status = 400 if faults else 200
        return render(request, "password_new.html", {"problem": " ".join(faults)}, status=status)
    form.save()
    sessions.end(user.signed_in.all())
    user.tokens.all().delete()
    audit.note(user, "password.reset", user.username)
    text = _("All sessions and personal tokens of the account have ended.")
    return _said(request, _("Your password is set"), text, 200)


@require_http_methods(["GET", "HEAD", "POST"])
def new_address(request: HttpRequest, text: str) -> HttpResponse:
    """The page behind the link that confirms an e-mail address; asked with a button, because mail
    programs open links by themselves.
    """
    found = mail.confirmed(text)
    if found is None:
        return _said(request, _("This link is over"), _("Enter the address once more."), 410)
    user, address = found
    if request.method != "POST":
        return render(request, "address_confirm.html", {"address": address})
    if User.objects.filter(email__iexact=address).exclude(pk=user.pk).exists():
        return _said(request, _("This link is over"), _("Enter the address once more."), 410)
    user.email = address
    user.save(update_fields=["email"])
    audit.note(user, "address.changed", user.username)
    return _said(request, _("Your address is confirmed"), address, 200)


def _owner(who: str) -> User | None:
    try:
        pk = int(urlsafe_base64_decode(who))
    except (ValueError, OverflowError):
        return None
    return User.objects.filter(pk=pk, is_active=True).first() if pk < 2**63 else None


def _slowed(request: HttpRequest, form: str) -> HttpResponse | None:
    sources, now = throttle.form_sources(form, request.META.get("REMOTE_ADDR", "")), timezone.now()
    seconds = throttle.admit(sources, now)
    if not seconds:
        return None
    text = _("Too many attempts. Try again in %(s)d s.") % {"s": seconds}
    response = _said(request, _("Wait a little"), text, 429)
    response.headers["Retry-After"] = str(seconds)
    return response


def _said(request: HttpRequest, title: str, text: str, status: int) -> HttpResponse:
    return render(request, "said.html", {"title": title, "text": text}, status=status)
