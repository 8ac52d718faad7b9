"""Share links: made, found by their token, revoked.

1. A token is 32 random bytes; only its SHA-256 is kept, so nobody reads a link out of the database
   (test_a_share_link_is_not_in_the_database).
2. A link that is unknown, over or revoked does not exist, and so is one whose maker may no longer
   see the instrument or is gone (test_a_link_ends_with_the_rights_of_its_maker).
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.accounts.models import User
from fieldstation.hub.plots.models import LONGEST_NAME, Share
from fieldstation.hub.plots.options import PlotOptions
from fieldstation.hub.sites import audit

DAYS = (1, 7, 30, 90, 365)
MOST_LINKS = 200


def make(user: User, options: PlotOptions, days: int) -> tuple[Share, str]:
    """A new link for so many days, and its token, given here and never again. Raises BadRequest."""
    if days not in DAYS:
        raise BadRequest(
            _("A link is good for %(known)s days.") % {"known": ", ".join(map(str, DAYS))}
        )
    if (
        Share.objects.filter(user=user, revoked_at=None, valid_until__gt=timezone.now()).count()
        >= MOST_LINKS
    ):
        raise BadRequest(
            _("There are %(most_links)s links already; revoke some of them.")
            % {"most_links": MOST_LINKS}
        )
    token = secrets.token_urlsafe(32)
    name = options.look.title or ", ".join(curve.channel for curve in options.curves)
    share = Share.objects.create(
        user=user,
        token_hash=_hash(token),
        name=name[:LONGEST_NAME],
        query=options.query(),
        valid_until=timezone.now() + timedelta(days=days),
    )
    audit.note(user, "plot.shared", share.name, detail=f"for {days} days")
    return share, token


def found(token: str) -> Share:
    """The link with this token, if it is good. Raises NotFound."""
    share = Share.objects.select_related("user").filter(token_hash=_hash(token)).first()
    if share is None or not share.is_valid or not share.user.is_active:
        raise NotFound(_("This link is over, or was never made."))
    return share


def revoke(user: User, share: Share) -> None:
    """End a link at once."""
    if share.revoked_at is None:
        share.revoked_at = timezone.now()
        share.save(update_fields=["revoked_at"])
        audit.note(user, "plot.unshared", share.name)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
