"""The three addresses that old gateways know, each with and without its closing slash.

Source: wire-compatibility sheet, C.3, C.5 and C.7.

1. The old client sends its key in a form field and, by a slip, the literal text
   `{self.gateway_key}` as its bearer. A bearer that can be a key counts; else the field does.
2. An old key has exactly 20 characters, as its client takes nothing else.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from fieldstation.errors import BadRequest, KeyRejected
from fieldstation.hub import runtime
from fieldstation.hub.legacy import slots
from fieldstation.hub.legacy.models import OldGateway
from fieldstation.hub.legacy.upload import PATH as UPLOAD
from fieldstation.hub.problem import CONTENT_TYPE, problem
from fieldstation.hub.stations import keys, pins
from fieldstation.hub.stations.models import Gateway

KEY_BYTES = 10
_KEY = re.compile(rf"[0-9a-f]{{20}}|{keys.PREFIX}[\w-]+", re.ASCII)


@never_cache
@csrf_exempt
@require_POST
def activate(request: HttpRequest) -> HttpResponse:
    """PIN in, key out, once."""
    try:
        pin = request.POST.get("pin", "").strip()[:64]
        gateway = pins.redeem(pin, request.META.get("REMOTE_ADDR", ""))
    except pins.PinRejected as error:
        return _problem(403, "pin-rejected", str(error))
    except pins.TooManyAttempts as error:
        answer = _problem(429, "too-many-attempts", str(error))
        answer.headers["Retry-After"] = str(error.wait_s)
        return answer
    key = _short_key(gateway, _word(request, "device_id", 40), _word(request, "name", 39))
    return JsonResponse({"key": key, "gateway": gateway.name})


@never_cache
@csrf_exempt
@require_POST
def quarantine_request(request: HttpRequest) -> HttpResponse:
    """A slot for one batch."""
    form, key = request.POST, _bearer(request) or request.POST.get("key", "")
    size = form.get("zip_size", "")
    wish = slots.Wish(
        form.get("source_ref", "").strip(),
        form.get("gadget_id", "").strip(),
        form.get("zip_md5", "").strip(),
        int(size) if re.fullmatch(r"\d{1,15}", size, re.ASCII) else 0,
    )
    try:
        slot = slots.open_slot(slots.gateway_of(key), key, wish)
    except KeyRejected as error:
        return _problem(403, "key-rejected", str(error))
    except slots.TooManyOpen as error:
        return _problem(429, "too-many-slots", str(error))
    except BadRequest as error:
        return _problem(400, "bad-request", str(error))
    return JsonResponse(
        {
            "batchid": slot.id,
            "domain": _domain(request),
            "port": runtime.running().batches.scp_port,
            "destination": slots.DESTINATION,
            "upload": f"{settings.HUB_URL}{UPLOAD}{slot.id}",
            "expires": slot.expires.isoformat(timespec="seconds"),
        }
    )


@never_cache
@require_GET
def upload_status(request: HttpRequest, batch: str) -> HttpResponse:
    """How a batch of this gateway is."""
    if not (key := _bearer(request)):
        return _problem(401, "key-rejected", "Send the gateway's key as a bearer.")
    try:
        slot = slots.slot_of(slots.gateway_of(key), batch)
    except KeyRejected as error:
        return _problem(403, "key-rejected", str(error))
    if slot is None:
        return _problem(404, "not-found", "This gateway has no such batch.")
    return JsonResponse(slots.status(slot))


def _short_key(gateway: Gateway, device: str, name: str) -> str:
    """A new key of the length that old clients take."""
    key = secrets.token_hex(KEY_BYTES)
    with transaction.atomic():
        keys.renew(gateway)
        gateway.key_hash = keys.key_hash(key)
        gateway.device, gateway.program = device, name
        gateway.save()
        OldGateway.objects.get_or_create(gateway=gateway)
    return key


def _bearer(request: HttpRequest) -> str:
    word, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if word.lower() == "bearer" and _KEY.fullmatch(key.strip()) else ""


def _word(request: HttpRequest, field: str, longest: int) -> str:
    text = request.POST.get(field, "").strip()
    return text[:longest] if text.isprintable() else ""


def _domain(request: HttpRequest) -> str:
    """The host name under which the gateway reached the hub."""
    host = request.get_host()
    return host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]


def _problem(status: int, kind: str, detail: str, **more: Any) -> HttpResponse:
    text = problem(status, kind, detail, **more)
    return HttpResponse(text, status=status, content_type=CONTENT_TYPE)
