"""Which language somebody reads, and the texts of the pages' scripts in it.

1. The account's choice comes first, then the cookie of the menu in the footer, then what the
   browser asks for, then English (test_the_language_of_the_account_comes_first).
2. A mail is in the language of the account it goes to; without one, in that of the page where it
   was asked for (test_a_mail_speaks_the_language_of_its_reader).
3. Scripts read their texts from a block of the page, so nothing is fetched and nothing is inline
   code; a page in English has no block (test_a_page_brings_the_texts_of_its_scripts).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

Answer = Callable[[HttpRequest], HttpResponse]

NOT_DRAWN = {"zh-hans"}

choose = require_POST(set_language)
"""The menu in the footer: a cookie with the language, and back to the page."""


def of_account(answer: Answer) -> Answer:
    """Middleware: whoever is signed in reads the language of the account, if one was chosen."""

    def answered(request: HttpRequest) -> HttpResponse:
        chosen = getattr(request.user, "language", "")
        if chosen:
            translation.activate(chosen)
            request.LANGUAGE_CODE = chosen
        return answer(request)

    return answered


def drawn() -> AbstractContextManager[None]:
    """Words for pictures that the server draws: its font has no Chinese letters, so these are in
    English instead.
    """
    language = translation.get_language()
    return translation.override("en" if language in NOT_DRAWN else language)


def known(code: str) -> bool:
    """True for a language that the hub speaks, and for "", the browser's choice."""
    return not code or code in dict(settings.LANGUAGES)


def texts(request: HttpRequest) -> dict[str, object]:
    """Context of every page: the block with the texts of its scripts, and the languages with the
    names that they give themselves.
    """
    block = _block(translation.get_language() or settings.LANGUAGE_CODE)
    return {"texts": block, "languages": settings.LANGUAGES}


@cache
def _block(language: str) -> SafeString:
    folder = Path(settings.LOCALE_PATHS[0]) / translation.to_locale(language)
    file = folder / "LC_MESSAGES/djangojs.json"
    if not file.is_file():
        return SafeString("")
    return json_script(json.loads(file.read_text(encoding="utf-8")), "texts")
