"""The sensors' desk: whatever posts wait are kept as one group (see `groups`). A post is answered
only after its documents are durable (test_posts_survive_kill_9).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from fieldstation.errors import FieldstationError
from fieldstation.hub.groups import Bounds, Groups
from fieldstation.hub.sensors.filing import Filing, Verdict
from fieldstation.hub.sensors.posts import Post, Taken
from fieldstation.series.api import SeriesStore

# Groups are so large that a hub that fell behind is abreast again with the next one.
BOUNDS = Bounds(
    group=400, group_bytes=4 << 20, waiting=4_000, waiting_bytes=64 << 20, linger_s=0.01
)  # fmt: skip


class SensorDesk:
    """Takes posts on the event loop."""

    def __init__(self, store: SeriesStore, touched: Callable[[Iterable[str]], None]) -> None:
        """`touched` is told on the event loop which gateways have new readings."""
        self._filing = Filing(store)
        self._touched = touched
        self._groups: Groups[Post, Verdict] = Groups(
            "sensor-desk", BOUNDS, self._filing.keep, self._tell
        )
        self.loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Begin to work, on the running event loop."""
        self._groups.between(self._filing.recover)
        self._groups.start()

    async def stop(self) -> None:
        """Answer all that waits, then end; what comes later is sent away."""
        await self._groups.stop()

    async def submit(self, post: Post) -> Taken:
        """See `intake.submit`."""
        found = await self._groups.submit(post, len(post.body))
        if isinstance(found, FieldstationError):
            raise found
        return found

    def forget(self, sensor: int) -> None:
        """The sensor's registration has changed."""
        self._filing.forget(sensor)

    def tidy(self) -> asyncio.Future[None]:
        """Begin to delete what can no longer be brought back, between two groups."""
        return self._groups.between(self._filing.tidy)

    def _tell(self, verdicts: list[Verdict]) -> None:
        if touched := self._filing.touched():
            self._touched(touched)
