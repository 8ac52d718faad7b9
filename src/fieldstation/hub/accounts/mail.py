"""E-mail: where it goes (`mail.toml` in the data folder), and the links that it carries.

    host = "mail.example.org"     # without this file mails are written to the folder `outbox`
    port = 587
    security = "starttls"         # or "tls", or "none"
    user = "hub@example.org"
    password_file = "mail.password"
    from = "Our hub <hub@example.org>"

1. A link for a new password is good for an hour and once: it is void when the password changes or
   somebody signs in. A link for a new address likewise, when the address changes
   (test_a_reset_link_works_once, test_an_address_link_works_once).
2. Nothing in an answer tells whether a mail was sent (test_reset_answers_alike_for_everybody).
3. A letter speaks its reader's language, see `languages`.
4. Mails that people ask for go through the outbox (`later`); who gets one is looked up there.
5. No address gets more than some mails a day, whoever asks for them, and nobody has more than some
   sent to addresses of their choice (test_no_address_is_flooded_with_mails). What is held back is
   in the log; the answer is the same.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _

from fieldstation.hub import runtime
from fieldstation.hub.accounts import throttle
from fieldstation.hub.accounts.models import User
from fieldstation.model.plain import plain

SALT = "fieldstation.hub.accounts.address"
log = logging.getLogger(__name__)


def later(what: str, letter: Callable[..., bool], *words: Any) -> bool:
    """Send the letter soon: `letter(*words)` in the outbox, in the language of the page that asked
    for it. False when too many mails wait.
    """
    job = partial(_spoken, get_language(), letter, *words)
    return runtime.running().outbox.put(what, job)


def _spoken(language: str | None, letter: Callable[..., bool], *words: Any) -> bool:
    with override(language):
        return letter(*words)


def reset(name: str) -> bool:
    """The link for a new password, to whoever has this name or address; nobody may have it."""
    user = User.objects.named(name)
    if user is None or not user.email or not user.is_active:
        return True
    place = [urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)]
    link = settings.HUB_URL + reverse("password-new", args=place)
    return send(user.email, _("A new password for your hub"), "reset", link=link, user=user)


def offer_address(pk: int, address: str) -> bool:
    """The link that gives the account `pk` this address; who has an account with it already is told
    so by mail, and nobody else is.
    """
    user = User.objects.filter(pk=pk, is_active=True).first()
    if user is None:
        return True
    other = User.objects.filter(email__iexact=address).exclude(pk=pk).first()
    if other is not None:
        return send(address, _("Your address at the hub"), "taken", user=other)
    link = address_link(user, address)
    return send(address, _("Confirm your address"), "address", link=link, user=user)


def ask_address(user: User, address: str) -> bool:
    """Send that link soon; False when too many mails wait, or the person had too many sent."""
    if throttle.admit(throttle.sender_sources(user.pk), timezone.now()):
        return False
    return later("address", offer_address, user.pk, address)


def address_link(user: User, address: str) -> str:
    """The link that gives the account this address."""
    text = signing.dumps([user.pk, user.email, address], salt=SALT)
    return settings.HUB_URL + reverse("address-confirm", args=[text])


def confirmed(text: str) -> tuple[User, str] | None:
    """The account and its new address; None for a link that is old, used or not one of ours."""
    try:
        pk, before, address = signing.loads(
            text, salt=SALT, max_age=settings.PASSWORD_RESET_TIMEOUT
        )
    except signing.BadSignature:
        return None
    user = User.objects.filter(pk=pk, email=before, is_active=True).first()
    return (user, address) if user else None


def send(to: str, subject: object, template: str, **words: Any) -> bool:
    """Send a mail; False, and a line in the log, when the mail server does not take it or the
    address has had too many. The words fill in the subject, too, a text to be translated.
    """
    if not to.isprintable():
        log.error("mail=refused what=%s error=no-address", template)
        return False
    if throttle.admit(throttle.letter_sources(to), timezone.now()):
        log.warning("mail=held what=%s why='too many to one address'", template)
        return False
    reader = User.objects.filter(email__iexact=to).first()
    with override((reader and reader.language) or get_language()):
        text = render_to_string(f"mail/{template}.txt", {"hub": settings.HUB_URL, **words})
        title = plain(str(subject) % words)
    try:
        send_mail(title, text, None, [to])
    except (OSError, smtplib.SMTPException, ValueError) as error:
        log.error("mail=refused what=%s error=%s", template, type(error).__name__)
        return False
    return True


def send_test(to: str) -> bool:
    """A mail that says it came through."""
    return send(to, _("A test mail of your hub"), "test")
