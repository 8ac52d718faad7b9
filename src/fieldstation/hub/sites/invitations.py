"""Invitations to a site: a link, good once and for two weeks, by mail or handed over."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from fieldstation.errors import NotFound
from fieldstation.hub.accounts import mail
from fieldstation.hub.accounts.models import User
from fieldstation.hub.sites import audit, people
from fieldstation.hub.sites.models import Invitation, Role, Site

VALID_FOR = timedelta(days=14)


def invite(user: User, site: Site, role: Role, email: str = "") -> str:
    """The secret part of a new link, returned here and never again."""
    secret = secrets.token_urlsafe(24)
    until = timezone.now() + VALID_FOR
    Invitation.objects.create(
        site=site, role=role, email=email, token_hash=_digest(secret), invited_by=user,
        valid_until=until,
    )  # fmt: skip
    audit.note(user, "invitation.made", email or "link", site=site, detail=role.name.lower())
    return secret


def post(secret: str) -> bool:
    """Send the link by mail, soon; False when too many mails wait. The row tells what became of
    it.
    """
    row = Invitation.objects.filter(token_hash=_digest(secret))
    row.update(mail=Invitation.Mail.WAITING)
    taken = mail.later("invitation", _letter, secret)
    if not taken:
        row.update(mail=Invitation.Mail.FAILED)
    return taken


def valid(secret: str) -> Invitation | None:
    """The invitation behind a link that can still be followed."""
    return (
        Invitation.objects.select_related("site", "invited_by")
        .filter(token_hash=_digest(secret), used_at=None, valid_until__gt=timezone.now())
        .first()
    )


def accept(user: User, secret: str) -> Site:
    """Make the person a member. Raises NotFound for a link that is used, old or unknown."""
    with transaction.atomic():
        found = valid(secret)
        if found is None:
            raise NotFound("This invitation is used, withdrawn or too old; ask for a new one.")
        people.join(user, found.site, Role(found.role))
        Invitation.objects.filter(id=found.id).update(used_at=timezone.now())
        detail = Role(found.role).name.lower()
        audit.note(user, "member.joined", user.username, site=found.site, detail=detail)
    return found.site


def _letter(secret: str) -> bool:
    found = valid(secret)
    if found is None:
        return True
    link = settings.HUB_URL + reverse("join", args=[secret])
    subject = _("You are invited to %s") % found.site.name
    words = {"link": link, "site": found.site, "user": found.invited_by}
    sent = mail.send(found.email, subject, "invitation", **words)
    state = Invitation.Mail.SENT if sent else Invitation.Mail.FAILED
    Invitation.objects.filter(id=found.id).update(mail=state)
    return sent


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
