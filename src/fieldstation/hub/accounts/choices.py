"""What the operator chose for the whole hub."""

from __future__ import annotations

from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest
from fieldstation.hub.accounts.models import HubChoices

SignUp = HubChoices.SignUp


def sign_up() -> str:
    """Who may make an account; nobody as long as nothing was chosen."""
    row = HubChoices.objects.first()
    return row.sign_up if row else SignUp.CLOSED


def choose_sign_up(mode: str) -> None:
    """Let from now on everybody, the invited or nobody make accounts. Raises BadRequest."""
    if mode not in SignUp.values:
        raise BadRequest(
            _("Sign-up is %(known)s; %(mode)r is none of them.")
            % {"known": ", ".join(SignUp.values), "mode": mode}
        )
    HubChoices.objects.update_or_create(id=1, defaults={"sign_up": mode})
