"""Invitations to a site: a link, good once and for two weeks, by mail or handed over."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as words
from django.utils.translation import gettext_lazy as _

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.accounts import mail, throttle
from fieldstation.hub.accounts.models import User
from fieldstation.hub.sites import audit, people
from fieldstation.hub.sites.models import Invitation, Role, Site

VALID_FOR = timedelta(days=14)
MOST_OPEN = 200


def invite(user: User, site: Site, role: Role, email: str = "") -> str:
    """The secret part of a new link, returned here and never again. Raises BadRequest while too
    many of the site are open.
    """
    secret, now = secrets.token_urlsafe(24), timezone.now()
    if site.invitations.filter(used_at=None, valid_until__gt=now).count() >= MOST_OPEN:
        text = _("Too many invitations of this site are open; withdraw some of them first.")
        raise BadRequest(str(text))
    Invitation.objects.create(
        site=site, role=role, email=email, token_hash=_digest(secret), invited_by=user,
        valid_until=now + VALID_FOR,
    )  # fmt: skip
    audit.note(user, "invitation.made", email or "link", site=site, detail=role.name.lower())
    return secret


def post(secret: str) -> bool:
    """Send the link by mail, soon; False when too many mails wait, or person or site had too many
    sent today. The row tells what became of it.
    """
    row = Invitation.objects.filter(token_hash=_digest(secret))
    row.update(mail=Invitation.Mail.WAITING)
    taken = _may_send(row.get()) and mail.later("invitation", _letter, secret)
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
            raise NotFound(
                words("This invitation is used, withdrawn or too old; ask for a new one.")
            )
        people.join(user, found.site, Role(found.role))
        Invitation.objects.filter(id=found.id).update(used_at=timezone.now())
        detail = Role(found.role).name.lower()
        audit.note(user, "member.joined", user.username, site=found.site, detail=detail)
    return found.site


def _may_send(one: Invitation) -> bool:
    sources = throttle.sender_sources(one.invited_by_id or 0, one.site_id.hex)
    return not throttle.admit(sources, timezone.now())


def _letter(secret: str) -> bool:
    found = valid(secret)
    if found is None:
        return True
    link = settings.HUB_URL + reverse("join", args=[secret])
    words = {"link": link, "site": found.site, "user": found.invited_by}
    sent = mail.send(found.email, _("You are invited to %(site)s"), "invitation", **words)
    state = Invitation.Mail.SENT if sent else Invitation.Mail.FAILED
    Invitation.objects.filter(id=found.id).update(mail=state)
    return sent


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
