"""The processes that draw: at most two, each one picture at a time, started when first needed.

1. Nobody waits behind a crowd: when `MOST_ASKING` pictures are asked for at once, the next is told
   to come back (test_a_crowd_is_told_to_come_back).
2. A picture that takes too long, or too much memory, ends its process and no other
   (test_a_drawing_that_never_ends_is_ended).
3. A process ends after `PICTURES_EACH` pictures, so that nothing it hoards stays.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from queue import LifoQueue

from django.conf import settings
from django.utils.translation import gettext as words
from django.utils.translation import gettext_lazy as later

from fieldstation.errors import BadRequest, StoreUnavailable
from fieldstation.export.drawer import receive, send
from fieldstation.export.picture import Picture

PROCESSES, MOST_ASKING, PICTURES_EACH = 2, 4, 500
SECONDS = 20.0
_BUSY = later("Too many pictures are being drawn; try again in a moment.")


class Drawer:
    """One process."""

    def __init__(self, cache: Path) -> None:
        environment = os.environ | {"MPLCONFIGDIR": str(cache), "OPENBLAS_NUM_THREADS": "1"}
        self.left = PICTURES_EACH
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fieldstation.export.drawer"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip

    def draw(self, picture: Picture, seconds: float) -> bytes:
        """The file. Raises BadRequest, or StoreUnavailable when the process ended over it."""
        self.left -= 1
        watch = threading.Timer(seconds, self._process.kill)
        watch.start()
        try:
            return self._answer(picture)
        except OSError as error:
            raise StoreUnavailable(words("The picture could not be drawn; try again.")) from error
        finally:
            watch.cancel()

    def _answer(self, picture: Picture) -> bytes:
        asked, answers = self._process.stdin, self._process.stdout
        if asked is None or answers is None:
            raise OSError("the process has no pipes")
        send(asked, pickle.dumps(picture))
        body = receive(answers)
        if body is None:
            raise OSError("the process ended")
        done, answer = pickle.loads(body)
        if not done:
            raise BadRequest(
                words("The picture cannot be drawn with these options: %(answer)s")
                % {"answer": answer}
            )
        return bytes(answer)

    @property
    def lives(self) -> bool:
        """Whether it can draw another one."""
        return self.left > 0 and self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue
        self._process.wait()


class Drawers:
    """All of them. Safe to use from several threads."""

    def __init__(self) -> None:
        self._asking = threading.BoundedSemaphore(MOST_ASKING)
        self._places: LifoQueue[Drawer | None] = LifoQueue()
        for _ in range(PROCESSES):
            self._places.put(None)

    def draw(self, picture: Picture, seconds: float = SECONDS) -> bytes:
        """The picture's file. Raises BadRequest, StoreUnavailable."""
        if not self._asking.acquire(blocking=False):
            raise StoreUnavailable(str(_BUSY))
        try:
            return self._drawn(picture, seconds)
        finally:
            self._asking.release()

    def warm(self) -> None:
        """Start a process before somebody asks, as matplotlib takes a second to be loaded."""
        drawer = self._places.get()
        self._places.put(drawer or Drawer(_cache()))

    def _drawn(self, picture: Picture, seconds: float) -> bytes:
        drawer = self._places.get()
        try:
            if drawer is None:
                drawer = Drawer(_cache())
            return drawer.draw(picture, seconds)
        except StoreUnavailable:
            if drawer is not None:
                drawer.left = 0
            raise
        finally:
            if drawer is not None and not drawer.lives:
                drawer.close()
                drawer = None
            self._places.put(drawer)

    def close(self) -> None:
        """End all processes, after the pictures being drawn; new ones start when needed."""
        found = [self._places.get() for _ in range(PROCESSES)]
        for drawer in found:
            if drawer is not None:
                drawer.close()
            self._places.put(None)


def _cache() -> Path:
    return Path(settings.DATA) / "matplotlib"


DRAWERS = Drawers()
