"""Who asks the API: the one place where a request becomes a person.

1. A personal token decides alone: beside a wrong one no session counts
   (test_a_wrong_token_is_not_saved_by_a_session).
2. A token of scope `read` changes nothing, whatever its person may do
   (test_a_token_to_read_changes_nothing). The account itself, and who may do what at sites, takes
   scope `manage` (test_a_token_to_write_manages_nobody).
3. With a session, a change needs the token of a page: a foreign page cannot ask for it
   (test_a_session_changes_nothing_without_the_token_of_a_page).
4. Every question counts against its person's rate, or its address's for strangers
   (test_who_asks_too_often_is_told_when_to_come_back).
"""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as words
from ninja.utils import check_csrf

from fieldstation.hub.accounts import tokens
from fieldstation.hub.accounts.models import PersonalToken, User
from fieldstation.hub.api import rate
from fieldstation.hub.sites import access
from fieldstation.hub.stations.models import Gateway

SAFE = ("GET", "HEAD", "OPTIONS")


class Forbidden(Exception):
    """The person is known, but this is not to be done so; `code` is the stable word for why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def asking(request: HttpRequest) -> User | None:
    """The person who asks, by token or session; None for strangers. Raises Forbidden,
    rate.TooOften.
    """
    header = request.headers.get("Authorization", "")
    user = _by_token(request, header) if header else _by_session(request)
    who = f"user {user.pk}" if user else f"address {request.META.get('REMOTE_ADDR', '')}"
    rate.count(request, who)
    if user is not None and request.method not in SAFE:
        _check_change(request)
    return user


def person(request: HttpRequest) -> User:
    """The person whom the API has let in."""
    return cast(User, cast(Any, request).auth)


def scope(request: HttpRequest) -> str:
    """What may be done for this person: `read`, `write` or `manage`. A session may do all."""
    token = _token(request)
    return PersonalToken.Scope.MANAGE.value if token is None else token.scope


def manager(request: HttpRequest) -> User:
    """The person, who acts by a session or a token of scope `manage`. Raises Forbidden."""
    if scope(request) != PersonalToken.Scope.MANAGE:
        raise Forbidden("scope-missing", words("This takes a token of scope manage."))
    return person(request)


def by_session(request: HttpRequest) -> bool:
    """Whether the person asks with the session of the pages."""
    return _token(request) is None


def own(request: HttpRequest) -> QuerySet[Gateway]:
    """The gateways whose instruments this person may see."""
    return access.gateways(person(request))


def _by_token(request: HttpRequest, header: str) -> User | None:
    kind, _, text = header.partition(" ")
    if kind.lower() != "bearer" or not text.startswith(tokens.PREFIX):
        return None
    found = tokens.resolve(text.strip())
    cast(Any, request).personal_token = found
    return found.user if found else None


def _by_session(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _token(request: HttpRequest) -> PersonalToken | None:
    return cast("PersonalToken | None", getattr(request, "personal_token", None))


def _check_change(request: HttpRequest) -> None:
    if scope(request) == PersonalToken.Scope.READ:
        raise Forbidden(
            "scope-missing", words("This token may only read; make one of scope write.")
        )
    if _token(request) is None and check_csrf(request) is not None:
        raise Forbidden(
            "page-token-missing",
            words(
                "A change with a session needs the page's token in X-CSRFToken; programs use "
                "a personal token instead."
            ),
        )
