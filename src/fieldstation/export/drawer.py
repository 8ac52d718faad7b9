"""A process that draws: pictures come in through its standard input, files go out.

Each message is its length in four bytes, then a pickle; both ends are this program. An answer is
(True, file) or (False, sentence). The end of the input ends the process.

Garbage is collected after an answer, not while somebody waits for one; what was loaded before the
first picture stays and is never looked at again.
"""

from __future__ import annotations

import gc
import logging
import os
import pickle
import resource
import struct
import sys
from typing import IO

import numpy as np

from fieldstation.export.picture import Curve, Look, Picture

LENGTH = struct.Struct("<I")
MEMORY_BYTES = 1_500_000_000
# Readings that come in go before pictures that go out.
NICENESS = 5


def receive(stream: IO[bytes]) -> bytes | None:
    """The next message; None at the end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    body = stream.read(LENGTH.unpack(head)[0])
    return body or None


def send(stream: IO[bytes], body: bytes) -> None:
    """One message."""
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


def main() -> None:
    """Draw until nobody asks any more."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    os.nice(NICENESS)
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not come between the messages.
    os.dup2(2, 1)
    # Some fonts for further letters have no bold ones; that is no news for a hub's log.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    from fieldstation.export.png import draw

    # What is slow the first time (fonts, styles) is done before anybody waits for it.
    draw(_sample())
    gc.disable()
    gc.collect()
    gc.freeze()
    while (body := receive(asked)) is not None:
        answer: tuple[bool, bytes | str]
        try:
            answer = (True, draw(pickle.loads(body)))
        except (ValueError, OverflowError, ArithmeticError, MemoryError) as error:
            answer = (False, f"{type(error).__name__}: {error}"[:300])
        send(answers, pickle.dumps(answer))
        gc.collect()


def _sample() -> Picture:
    times, values = np.array([0, 1]), np.array([0.0, 1.0])
    curve = Curve("sample", "V", times, values, values, values, 1)
    return Picture(Look("sample 样", width=200, height=200), 0, 1, "UTC", (curve,))


if __name__ == "__main__":
    main()
