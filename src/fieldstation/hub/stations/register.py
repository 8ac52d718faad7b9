"""`POST /api/v1/register`: a PIN in, a gateway key out.

The only address of the hub that needs neither session nor key; the PIN is the proof. Nothing is
kept of what the caller says but two short texts.
"""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from fieldstation.hub.problem import CONTENT_TYPE, problem
from fieldstation.hub.sites import audit
from fieldstation.hub.stations import keys, pins

MOST_BYTES = 4096
LONGEST_TEXT = 80


# Without a session there is nothing that another site could ride on.
@csrf_exempt
def register(request: HttpRequest) -> HttpResponse:
    """201 with the key, which is told this once, or a problem."""
    if request.method != "POST":
        response = _refuse(405, "method-not-allowed", "A PIN is sent with POST.")
        response.headers["Allow"] = "POST"
        return response
    if request.content_type != "application/json":
        return _refuse(415, "not-json", "The body has to be application/json.")
    if len(request.body) > MOST_BYTES:
        return _refuse(413, "too-large", f"A registration has at most {MOST_BYTES} bytes.")
    asked = _read(request.body)
    if asked is None:
        return _refuse(422, "not-a-registration", 'Send an object like {"pin": "12345678"}.')
    return _answer(asked, request.META.get("REMOTE_ADDR", ""))


def _answer(asked: dict[str, str], source: str) -> HttpResponse:
    try:
        gateway = pins.redeem(asked["pin"], source)
    except pins.PinRejected as error:
        return _refuse(403, "pin-rejected", str(error))
    except pins.TooManyAttempts as error:
        response = _refuse(429, "too-many-attempts", str(error), wait_s=error.wait_s)
        response.headers["Retry-After"] = str(error.wait_s)
        return response
    gateway.device, gateway.program = asked["device"], asked["version"]
    key = keys.renew(gateway)
    audit.note(None, "gateway.registered", gateway.name, site=gateway.site, detail=asked["device"])
    body = {"key": key, "gateway": gateway.slug, "name": gateway.name}
    return HttpResponse(orjson.dumps(body), status=201, content_type="application/json")


def _read(body: bytes) -> dict[str, str] | None:
    """The texts of a registration; None when it is none."""
    try:
        asked: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(asked, dict):
        return None
    texts = {name: asked.get(name, "") for name in ("pin", "device", "version")}
    fits = all(isinstance(text, str) and text.isprintable() for text in texts.values())
    if not fits or not texts["pin"]:
        return None
    return {name: text[:LONGEST_TEXT] for name, text in texts.items()}


def _refuse(status: int, kind: str, detail: str, **more: int) -> HttpResponse:
    body = problem(status, kind, detail, **more)
    return HttpResponse(body, status=status, content_type=CONTENT_TYPE)
