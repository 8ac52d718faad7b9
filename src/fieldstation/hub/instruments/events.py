"""`/events`: the live board as a stream of server-sent events for signed-in people."""

from __future__ import annotations

from collections.abc import AsyncIterator

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from fieldstation.hub import runtime
from fieldstation.hub.problem import CONTENT_TYPE, problem


def events(request: HttpRequest) -> HttpResponseBase:
    """The stream; 401 without a session. A browser comes back by itself and names the last event it
    saw.
    """
    if not request.user.is_authenticated:
        text = problem(401, "sign-in", "Sign in to see live values.")
        return HttpResponse(text, status=401, content_type=CONTENT_TYPE)
    last_id = request.headers.get("Last-Event-ID", "")
    stream = _while_signed_in(request, runtime.running().live.follow(last_id))
    response = StreamingHttpResponse(stream, content_type="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    return response


async def _while_signed_in(
    request: HttpRequest, stream: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    async for piece in stream:
        # A heartbeat is the moment to notice that the session was ended meanwhile.
        heartbeat = piece.startswith(b":")
        if heartbeat and not await runtime.running().threads.run(session_lives, request.session):
            return
        yield piece


def session_lives(session: SessionBase) -> bool:
    """True while nobody has signed out meanwhile."""
    return session.session_key is not None and session.exists(session.session_key)
