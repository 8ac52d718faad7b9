"""Conversations stepped without a line: the part that every runner shares, and a pure runner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from fieldstation.errors import CodecError, InstrumentRefused, LinkTimeout
from fieldstation.model import Conversation, Exchange, Twin

T = TypeVar("T")

FAILURES = (CodecError, InstrumentRefused, LinkTimeout)
"""How an exchange may fail so that its conversation is told and may go on without the reply."""


class Talk(Generic[T]):
    """A conversation under way: `exchange` is what it wants done next, None at its end."""

    def __init__(self, conversation: Conversation[T]) -> None:
        self._conversation = conversation
        self._result: list[T] = []
        self.exchange: Exchange[Any] | None = None
        self._step(lambda: next(conversation))

    @property
    def result(self) -> T:
        """What the conversation returned; only at its end."""
        return self._result[0]

    def reply(self, value: object) -> None:
        """Hand over the decoded reply."""
        self._step(lambda: self._conversation.send(value))

    def fail(self, error: Exception) -> None:
        """Tell that the exchange failed for good; raises `error` again unless the conversation
        goes on without it.
        """
        self._step(lambda: self._conversation.throw(error))

    def close(self) -> None:
        """End it early."""
        self._conversation.close()

    def _step(self, advance: Callable[[], Exchange[Any]]) -> None:
        try:
            self.exchange = advance()
        except StopIteration as stop:
            self.exchange = None
            self._result.append(stop.value)


def play(conversation: Conversation[T], answer: Callable[[bytes], bytes]) -> T:
    """Run `conversation` at once: `answer` gives the bytes that come back for a request (for
    `b""`: that come unasked). No time passes, nothing is repeated.

    Raises what the conversation does not catch: LinkTimeout for an answer without a whole frame,
    CodecError, InstrumentRefused.
    """
    talk = Talk(conversation)
    heard = b""
    while (exchange := talk.exchange) is not None:
        if exchange.request and exchange.overhear is None:
            heard = b""
        try:
            frame, heard = _reply(exchange, heard, answer)
            value = exchange.decode(frame)
        except FAILURES as error:
            talk.fail(error)
        else:
            talk.reply(value)
    return talk.result


def _reply(
    exchange: Exchange[Any], heard: bytes, answer: Callable[[bytes], bytes]
) -> tuple[bytes, bytes]:
    """The first whole frame that is not merely overheard, and the bytes behind it."""
    overhear = exchange.overhear
    if overhear is None:
        return _first_frame(exchange, heard, answer)
    if exchange.request:
        while heard and (length := exchange.end(heard)):
            overhear(heard[:length])
            heard = heard[length:]
        heard += answer(exchange.request)
        answer = _nothing_more
    while True:
        frame, heard = _first_frame(exchange, heard, answer)
        if not overhear(frame):
            return frame, heard


def _nothing_more(_request: bytes) -> bytes:
    return b""


def _first_frame(
    exchange: Exchange[Any], heard: bytes, answer: Callable[[bytes], bytes]
) -> tuple[bytes, bytes]:
    """The first whole frame and the bytes behind it; asks only when `heard` holds none."""
    length = exchange.end(heard) if heard else None
    if length is None:
        heard += answer(exchange.request)
        length = exchange.end(heard) if heard else None
    if length is None:
        raise LinkTimeout(f"no whole reply to {title(exchange)}", heard)
    return heard[:length], heard[length:]


def answers(twin: Twin, wall: Callable[[], float]) -> Callable[[bytes], bytes]:
    """`twin` as the other side of `play`: all that a request causes, its delays left out. `wall`
    gives the UTC time in seconds since 1970.
    """
    return lambda request: b"".join(piece.data for piece in twin.receive(request, wall()))


def title(exchange: Exchange[Any]) -> str:
    """The exchange as messages call it."""
    return exchange.name or exchange.request[:16].hex(" ") or "the next frame"
