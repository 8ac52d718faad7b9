"""The hint that a message about an unknown name ends with."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from django.utils.translation import gettext as _


def nearest(name: str, known: Iterable[str]) -> str:
    """` Did you mean ...?` with the most similar known names, else the known ones, else nothing."""
    names = sorted(known)
    similar = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if similar:
        return " " + _("Did you mean %(names)s?") % {"names": ", ".join(similar)}
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return " " + _("Known: %(names)s.") % {"names": listed} if names else ""
