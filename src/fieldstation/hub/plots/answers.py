"""How views of pictures answer: files, data, and sentences where an order cannot be filled."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest, NotFound, StoreError
from fieldstation.export.picture import Form
from fieldstation.hub import runtime
from fieldstation.hub.accounts.models import User
from fieldstation.hub.api.arrays import json_bytes
from fieldstation.hub.plots import sketch
from fieldstation.hub.plots.drawing import DRAWERS
from fieldstation.hub.plots.models import Dashboard, SavedPlot
from fieldstation.hub.plots.options import PlotOptions, options_of
from fieldstation.hub.plots.order import Order, order
from fieldstation.hub.problem import CONTENT_TYPE, problem

TYPES = {Form.PNG: "image/png", Form.SVG: "image/svg+xml", Form.PDF: "application/pdf"}

View = Callable[..., HttpResponse]


def person(request: HttpRequest) -> User:
    """Who asks; only behind `for_people` or `login_required`."""
    return cast(User, request.user)


def options_from(request: HttpRequest) -> PlotOptions:
    """The options of the request's query. Raises BadRequest."""
    return options_of(dict(request.GET.lists()))


def filled(user: User, options: PlotOptions) -> Order:
    """The order of this person on the running hub. Raises NotFound, BadRequest."""
    return order(user, options, runtime.running().store)


def for_programs(view: View) -> View:
    """Refusals as problem details: nobody signed in 401, role too low 403, not found 404,
    senseless 400, busy 503.
    """

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return _refused(401, "sign-in", _("Sign in first, or use a share link."))
        return with_problems(view)(request, *args, **kwargs)

    return answered


def with_problems(view: View) -> View:
    """Refusals as problem details, whoever asks."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotFound as error:
            return _refused(404, "not-found", str(error))
        except BadRequest as error:
            return _refused(400, "bad-request", str(error))
        except PermissionDenied:
            text = _("Your role at this site does not allow it; ask its owner.")
            return _refused(403, "role-too-low", text)
        except StoreError as error:
            response = _refused(503, "store-unavailable", str(error))
            response.headers["Retry-After"] = "5"
            return response

    return answered


def for_people(view: View) -> View:
    """Refusals as pages; who is not signed in goes to the sign-in page."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return cast(HttpResponse, redirect_to_login(request.get_full_path()))
        try:
            return view(request, *args, **kwargs)
        except NotFound as error:
            raise Http404(str(error)) from error

    return answered


def picture_file(filled_order: Order, form: Form) -> HttpResponse:
    """The picture as a file that browsers show in place. Raises BadRequest, StoreUnavailable."""
    if not filled_order.sources:
        raise BadRequest(_("Name at least one curve=gateway/instrument:channel."))
    body = DRAWERS.draw(sketch.picture(filled_order, form))
    response = HttpResponse(body, content_type=TYPES[form])
    response.headers["Content-Disposition"] = f'inline; filename="plot.{form.value}"'
    return response


def removal_words(
    request: HttpRequest, rows: QuerySet[SavedPlot] | QuerySet[Dashboard]
) -> dict[str, Any]:
    """Words for `removed.html`: the row that the address says was removed just now, the others."""
    just = request.GET.get("undo", "")
    found = list(rows)
    return {
        "just_removed": next((one for one in found if str(one.pk) == just), None),
        "removed": [one for one in found if str(one.pk) != just],
    }


def not_undone(request: HttpRequest, error: BadRequest) -> HttpResponse:
    """The page that says why a removal stays."""
    words = {"status": 400, "title": _("This cannot be undone"), "text": str(error)}
    return render(request, "error.html", words, status=400)


def json_answer(answer: Any) -> HttpResponse:
    """Data for a script."""
    return HttpResponse(json_bytes(answer), content_type="application/json")


def _refused(status: int, kind: str, detail: str) -> HttpResponse:
    return HttpResponse(problem(status, kind, detail), status=status, content_type=CONTENT_TYPE)
