"""Error pages for requests that never reach Django."""

from __future__ import annotations

from functools import cache

from django.template.loader import render_to_string

_WORDS = {
    400: ("Bad request", "The body is not a JSON object. Check what the sensor sends, and retry."),
    403: (
        "Forbidden",
        "This route or sensor takes no posts without its token. Its owner can switch them on, or"
        " give the sender a token.",
    ),
    404: ("Not found", "There is no such place."),
    408: ("Request timeout", "The document took too long to arrive. Send it again."),
    413: ("Too large", "A document has at most 1.2 MB. Send a smaller one."),
    429: ("Too many requests", "Posts come in faster than they are taken. Come back later."),
    503: ("Busy", "The hub cannot keep documents at the moment. Send the document again later."),
}
"""Kept in English: a Raspberry Pi asks."""


@cache
def error_page(status: int) -> bytes:
    """The page of this status, as bytes."""
    title, text = _WORDS.get(status, _WORDS[400])
    words = {"status": status, "title": f"{title} ({status})", "text": text}
    return render_to_string("error.html", words).encode()
