"""`PUT /api/v1/batches/<id>` as a bare ASGI application: a batch file for an open slot, for
gateways that can speak HTTPS.

1. Key and slot are looked at before anything is read; no more than the limit is ever taken, and
   none of it is held in memory.
2. The answer is the slot's status; a file that was rejected was taken and is answered so.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from typing import Any

import orjson

from fieldstation.errors import BatchRefused, StoreError
from fieldstation.hub import runtime
from fieldstation.hub.bodies import Unread, pieces
from fieldstation.hub.ingest.app import JSON, Refusal, cut_short, later, refuse, reply
from fieldstation.hub.legacy import slots
from fieldstation.hub.legacy.desk import BatchDesk, SlotTaken
from fieldstation.hub.legacy.zipped import MOST_ZIP

PATH = "/api/v1/batches/"
_ID = re.compile(re.escape(PATH) + r"([0-9a-f]{32})/?")


async def upload(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application."""
    try:
        desk = runtime.running().batches
        slot = await _slot_of(scope, desk)
        filled = await _take(desk, slot, receive)
    except Refusal as refusal:
        await refuse(send, refusal)
    except StoreError as error:
        await reply(send, *later(error))
    else:
        await reply(send, 200, [JSON], orjson.dumps(slots.status(filled)))


async def _slot_of(scope: Any, desk: BatchDesk) -> str:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    found = _ID.fullmatch(scope["path"])
    if scope["method"] != "PUT" or found is None:
        raise Refusal(405, "method-not-allowed", "Send one batch with PUT.", close=True)
    word, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if word.lower() != "bearer":
        raise Refusal(401, "key-rejected", "Send the gateway's key as a bearer.", close=True)
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > MOST_ZIP:
        raise _too_large()
    if await desk.may_fill(key.strip(), found[1]) is None:
        raise Refusal(403, "no-slot", "This gateway has no such slot open.", close=True)
    return found[1]


async def _take(desk: BatchDesk, slot: str, receive: Any) -> Any:
    arriving = await desk.begin()
    try:
        async with aclosing(pieces(receive, MOST_ZIP)) as body:
            async for piece in body:
                await asyncio.to_thread(arriving.write, piece)
        return await desk.complete(arriving, slot)
    except Unread as error:
        raise _too_large() if error.status == 413 else cut_short(error) from error
    except SlotTaken as error:
        raise Refusal(409, "no-slot", str(error)) from error
    except BatchRefused as error:
        raise Refusal(422, "batch-refused", str(error)) from error
    finally:
        await asyncio.to_thread(arriving.drop)


def _too_large() -> Refusal:
    return Refusal(413, "too-large", f"A batch has at most {MOST_ZIP} bytes.", close=True)
