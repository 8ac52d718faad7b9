"""How fast each instrument's main frame is decoded."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.figure import Figure
from fieldstation.instruments import registry
from fieldstation.testing.conformance import Folder

SPAN_S = 0.5
# Above what any line brings: 115,200 baud is 11,520 bytes in a second, and no frame is one byte.
LEAST_PER_S = 2000


def measure() -> list[Figure]:
    """One figure for each kind."""
    return [_figure(kind) for kind in registry.kinds()]


def _figure(kind: str) -> Figure:
    folder = Folder(kind)
    name, data = main_frame(folder)
    speed = _per_second(lambda: folder.codec.decode_frame(name, data))
    return Figure(
        f"codec of {kind}", speed, "frames/s", least=LEAST_PER_S, note=f"{len(data)} bytes"
    )


def main_frame(folder: Folder) -> tuple[str, bytes]:
    """The frame that comes most often: that of the codec's first table, or, where frames are not
    called after tables, the longest.
    """
    first = folder.codec.FRAMES[0][0]
    frames = folder.good_frames()
    named = [frame for frame in frames if frame[0] == first]
    return max(named or frames, key=lambda frame: len(frame[1]))


def _per_second(action: Callable[[], object]) -> float:
    count, begun = 0, time.perf_counter()
    while (passed_s := time.perf_counter() - begun) < SPAN_S:
        for _ in range(10):
            action()
        count += 10
    return count / passed_s
