"""Where a frame ends, and a buffer that cuts a stream into frames.

1. Any split of a stream gives the same frames (test_any_split_gives_the_same_frames).
2. Never more than one frame's limit is kept, whatever comes (test_endless_garbage_stays_bounded).
3. What can never become a frame is given up byte by byte, so the next good frame is found
   (test_a_frame_after_garbage_is_found).
"""

from __future__ import annotations

from fieldstation.errors import CodecError, FrameTooLong
from fieldstation.model.talk import FrameEnd


def until(mark: bytes, limit: int) -> FrameEnd:
    """A frame ends with `mark`, which belongs to it, and has at most `limit` bytes.

    The end raises FrameTooLong once `limit` bytes have come without the mark.
    """

    def end(data: bytes) -> int | None:
        at = data.find(mark, 0, limit)
        if at >= 0:
            return at + len(mark)
        if len(data) >= limit:
            raise FrameTooLong(f"no end of frame within {limit} bytes", data=data[:16])
        return None

    return end


class FrameBuffer:
    """Bytes in, whole frames out. `limit` is the longest frame that `end` can tell, in bytes;
    `dropped` counts the bytes given up because they could not begin a frame.
    """

    def __init__(self, end: FrameEnd, limit: int) -> None:
        self._end = end
        self._limit = limit
        self._data = bytearray()
        self.dropped = 0

    @property
    def pending(self) -> int:
        """Bytes kept because their frame is not complete; never more than the limit."""
        return len(self._data)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, in order; an empty list when there is none."""
        self._data += data
        frames = []
        while self._data:
            try:
                length = self._end(bytes(self._data[: self._limit]))
            except CodecError:
                self._drop(1)
                continue
            if length is None:
                break
            frames.append(bytes(self._data[:length]))
            del self._data[:length]
        return frames

    def clear(self) -> None:
        """Give up what is incomplete."""
        self._drop(len(self._data))

    def _drop(self, count: int) -> None:
        self.dropped += count
        del self._data[:count]
