"""The hub as one ASGI application: uploads, reports and static files go past Django,
all else through it.
"""

from __future__ import annotations

import gc
from typing import Any

from django.conf import settings

from fieldstation.hub.assets import Assets
from fieldstation.hub.greenhouse import post as old_site
from fieldstation.hub.handler import DjangoInThreads
from fieldstation.hub.ingest.app import PATH as INGEST
from fieldstation.hub.ingest.app import ingest
from fieldstation.hub.ledger.app import PATH as REPORT
from fieldstation.hub.ledger.app import report
from fieldstation.hub.legacy.upload import PATH as BATCHES
from fieldstation.hub.legacy.upload import upload
from fieldstation.hub.runtime import close_runtime, open_runtime
from fieldstation.hub.sensors.upload import matches as is_post
from fieldstation.hub.sensors.upload import readings
from fieldstation.hub.threads import Threads

# Enough for people who wait; what they wait for runs on few cores anyway.
REQUEST_THREADS = 8

# An upload makes a few hundred objects that die with it. Python's own thresholds would search the
# youngest after every third upload, and all of Django's with the oldest.
GC_THRESHOLDS = (50_000, 20, 20)


class Hub:
    """The application. The lifespan of the server is that of its runtime."""

    def __init__(self) -> None:
        self._django: DjangoInThreads | None = None
        self._assets = Assets()
        self._old_posts = old_site.OldPosts()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Route one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["path"] == INGEST:
            await ingest(scope, receive, send)
        elif scope["path"] == REPORT:
            await report(scope, receive, send)
        elif scope["path"].startswith(BATCHES):
            await upload(scope, receive, send)
        elif is_post(scope):
            await readings(scope, receive, send)
        elif old_site.is_post(scope):
            await self._old_posts(scope, receive, send)
        elif scope["path"].startswith("/static/"):
            await self._assets(scope, receive, send)
        elif self._django is not None:
            await self._django(scope, receive, send)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        threads = Threads("request", REQUEST_THREADS)
        await open_runtime(settings.SERIES_FILE, threads)
        self._django = DjangoInThreads(threads)
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await close_runtime()
        self._assets.close()
        await send({"type": "lifespan.shutdown.complete"})
