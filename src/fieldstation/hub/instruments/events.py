"""`/events`: the live board as a stream of server-sent events for signed-in people."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from fieldstation.hub import runtime
from fieldstation.hub.accounts.sessions import person_of
from fieldstation.hub.instruments.live import Sites
from fieldstation.hub.problem import CONTENT_TYPE, problem
from fieldstation.hub.sites import access


@require_safe
def events(request: HttpRequest) -> HttpResponseBase:
    """The stream; 401 without a session. A browser comes back by itself and names the last event it
    saw.
    """
    if not request.user.is_authenticated:
        text = problem(401, "sign-in", _("Sign in to see live values."))
        return HttpResponse(text, status=401, content_type=CONTENT_TYPE)
    parts, last_id = runtime.running(), request.headers.get("Last-Event-ID", "")

    async def seen() -> Sites | None:
        return await parts.threads.run(sites_seen, request.session.session_key)

    stream = iter(()) if request.method == "HEAD" else parts.live.follow(last_id, seen)
    response = StreamingHttpResponse(stream, content_type="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def sites_seen(session: str | None) -> Sites | None:
    """The sites that the person whom this key signs in may see now; None when they signed out."""
    user = person_of(session)
    return None if user is None else frozenset(access.sites(user).values_list("id", flat=True))
