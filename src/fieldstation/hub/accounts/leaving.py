"""The end of an account: asked for, undone within a week, or carried out.

1. Whoever is the only owner of a site that has other members hands it over first
   (test_an_only_owner_hands_over_first).
2. While it waits its tokens open nothing; signing in is possible, to undo it.
3. The audit log keeps the name; everything else that is the person's goes with the account.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest
from fieldstation.hub.accounts import sessions
from fieldstation.hub.accounts.models import User
from fieldstation.hub.sites import audit
from fieldstation.hub.sites.models import Membership, Role, Site

UNDO_FOR = timedelta(days=7)


def sole_owner_of(user: User) -> list[Site]:
    """The sites whose only owner this person is."""
    owned = Site.objects.filter(memberships__user=user, memberships__role=Role.OWNER)
    others = Membership.objects.filter(role=Role.OWNER).exclude(user=user)
    return list(owned.exclude(id__in=others.values("site_id")))


def only_operator(user: User) -> bool:
    """Whether nobody but this person runs the hub."""
    others = User.objects.filter(is_operator=True, is_active=True, delete_after=None)
    return user.is_operator and not others.exclude(pk=user.pk).exists()


def request_deletion(user: User) -> None:
    """Mark the account; its sessions end. Raises BadRequest while sites would be left alone, and
    for the last operator.
    """
    if sites := sole_owner_of(user):
        names = ", ".join(site.name for site in sites)
        raise BadRequest(_("Hand over first, as you are their only owner: %s.") % names)
    if only_operator(user):
        raise BadRequest(_("You are the only operator of this hub; make somebody else one first."))
    user.delete_after = timezone.now() + UNDO_FOR
    user.save(update_fields=["delete_after"])
    sessions.end(user.signed_in.all())
    audit.note(user, "account.deletion-asked", user.username)


def undo(user: User) -> None:
    """Keep the account."""
    user.delete_after = None
    user.save(update_fields=["delete_after"])
    audit.note(user, "account.deletion-undone", user.username)


def carry_out(now: datetime) -> int:
    """Delete the accounts whose time has come; how many."""
    due = list(User.objects.filter(delete_after__lte=now))
    for user in due:
        sessions.end(user.signed_in.all())
        user.delete()
        audit.note(None, "account.deleted", user.username)
    return len(due)
