"""Writing down what people did. Secrets never stand in it: callers name things, not values."""

from __future__ import annotations

from fieldstation.hub.accounts.models import User
from fieldstation.hub.sites.models import AuditEntry, Site


def note(
    user: User | None, what: str, thing: str = "", *, site: Site | None = None, detail: str = ""
) -> None:
    """Note an act; `user` None: the hub itself, or somebody who is not signed in."""
    AuditEntry.objects.create(
        user=user,
        who=user.username if user else "",
        what=what,
        thing=thing[:200],
        detail=detail[:500],
        site=site,
    )
