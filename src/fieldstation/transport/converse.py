"""The one runner: it owns every deadline, retry, tap and cancellation, for all instruments.

Instruments number neither requests nor replies. What makes a reply belong to its request:

1. A line has one conversation at a time; others wait their turn.
   `test_two_conversations_on_one_line_never_mix`
2. Before a request all waiting bytes are thrown away, until the line was silent for `quiet_s`. So
   noise, padding and repeated replies die before the request leaves. (A whole reply that the line
   repeats after a longer pause looks in no way different from the next one: beyond any runner.)
   `test_bytes_that_came_unasked_are_never_taken_for_a_reply`
3. From the first byte of a request until its reply is decoded (or is a refusal) the line *owes*. A
   timeout, a cut or damaged reply, a cancelled task leave it owing; so does whoever had the line
   before us, hence a new runner starts owing. `test_late_reply_is_never_taken_for_the_next_one`,
   `test_cancelled_conversation_leaves_the_line_usable`
4. An owing line is asked nothing but `resync`, also before a retry. An instrument answers in
   order, so whatever it still owed comes before that answer, however late, or never: all of it is
   thrown away. `test_reply_six_seconds_late_is_met_by_the_resync`
5. A resync may stay unanswered and be asked again. Then nobody can tell which of them an answer
   belongs to, and another one may follow. So the runner goes on throwing away until `latest_s`
   after the last of them: no reply is later than that. (A unit that still owes several resyncs to
   an earlier runner is beyond this: to wait them out would delay every start.)
   `test_late_resync_replies_are_waited_for`
6. When no resync is answered the instrument does not answer at all: the exchange fails without
   having been sent, and the line goes on owing.
   `test_setting_is_never_sent_on_a_line_that_owes_and_is_silent`
7. Without a resync the runner waits until the line was silent for `silence_s`. This holds only for
   replies less late than that. `test_without_resync_the_line_must_fall_silent`
8. An exchange that overhears is exempt from 2 to 7: its frames say what they are, so a late reply
   cannot pass for another one, and what the instrument says unasked must not be lost.
   `test_what_is_said_unasked_is_overheard_and_never_lost`
9. A driver's resync looks unlike any reading, so even an answer to it that slips through (repeated
   by the line, say) fails to decode, and rule 3 applies.
10. On a line that others share a conversation has a budget. When it is used up nothing more is
    asked or waited for, whatever the exchanges would allow; what is owed stays owed.
    `test_a_conversation_ends_with_its_budget`

Together, for any mixture of loss, damage, lateness, repetition, noise and cancelling:
`test_no_reply_is_ever_paired_with_another_request`. Bounds: a wait never passes its deadline, not
for a device that dribbles or babbles (`test_dribbling_device_ends_at_the_deadline`,
`test_babbling_device_ends_at_the_deadline`), and about MOST_BYTES are held at most
(`test_endless_garbage_is_bounded`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from fieldstation.errors import CodecError, FrameTooLong, InstrumentRefused, LinkTimeout
from fieldstation.model import Conversation, Exchange, I2cLine, Line, SpiLine
from fieldstation.transport.link import Link
from fieldstation.transport.play import FAILURES, Talk, title
from fieldstation.transport.tap import Tap, TappedLink, unheard

T = TypeVar("T")

# Pause before asking again (PI30 sheet, section 2.4).
RETRY_PAUSE_S = 0.3
# A line that is not silent for `quiet_s` within this time is not an instrument waiting for us.
NOISE_LIMIT_S = 5.0
# Far above any frame; what grows past it has no end.
MOST_BYTES = 65_536


# Behind a lost reply a line without resync has to be silent for so long.
SILENCE_S = 2.0


def silence_s(line: Line) -> float:
    """How long a line without resync has to be silent before it is asked. On a bus whose clock the
    station makes nothing comes late: a transfer has its reply at its end.
    """
    return 0.0 if isinstance(line, I2cLine | SpiLine) else SILENCE_S


class Runner:
    """Runs conversations on `link`, which stays the caller's to close.

    `resync` is the driver's; `tap` is told every byte. Replies come at most `latest_s` after their
    request; `silence_s` is the wait after a lost reply when there is no resync; `budget_s` is all
    that one conversation may take. Seconds.
    """

    def __init__(
        self,
        link: Link,
        *,
        resync: Exchange[Any] | None = None,
        tap: Tap = unheard,
        silence_s: float = SILENCE_S,
        latest_s: float = 10.0,
        budget_s: float = math.inf,
    ) -> None:
        self._link = TappedLink(link, tap)
        self._resync = resync
        self._silence_s = silence_s
        self._latest_s = latest_s
        self._budget_s = budget_s
        self._until_s = math.inf  # the end of the budget of the conversation at hand
        self._turn = asyncio.Lock()
        self._heard = bytearray()
        self._heard_at_s = -math.inf
        self._owes = True
        self._resync_due_s = -math.inf  # until then an unanswered resync may still be answered

    async def converse(self, conversation: Conversation[T]) -> T:
        """Run `conversation` to its end and give what it returns.

        An exchange that fails for good (CodecError, LinkTimeout, InstrumentRefused) is thrown into
        the conversation, which may go on without it; else it is raised. Raises LinkLost at once.
        """
        async with self._turn:
            talk = Talk(conversation)
            self._until_s = _now() + self._budget_s
            try:
                while (exchange := talk.exchange) is not None:
                    try:
                        value = await self._exchange(exchange)
                    except FAILURES as error:
                        talk.fail(error)
                    else:
                        talk.reply(value)
                return talk.result
            finally:
                talk.close()

    async def _exchange(self, exchange: Exchange[T]) -> T:
        attempts = exchange.attempts
        while True:
            self._check_budget()
            if exchange.request and self._owes and exchange.overhear is None:
                await self._settle()
            try:
                return await self._attempt(exchange)
            except (CodecError, LinkTimeout):
                attempts -= 1
                if attempts <= 0 or _now() + RETRY_PAUSE_S >= self._until_s:
                    raise
            if exchange.request:
                await asyncio.sleep(RETRY_PAUSE_S)

    def _check_budget(self) -> None:
        if _now() >= self._until_s:
            raise LinkTimeout(
                f"no time is left of the unit's {self._budget_s:g} s on a line that others share"
            )

    async def _attempt(self, exchange: Exchange[T]) -> T:
        if not exchange.request:
            return exchange.decode(await self._reply(exchange, _now() + exchange.timeout_s))
        frame = await self._reply(exchange, await self._send(exchange))
        self._owes = False  # a refusal is a reply as well
        try:
            return exchange.decode(frame)
        except CodecError:
            self._owes = True
            raise

    async def _settle(self) -> None:
        """Bring the line to where it owes nothing. Raises LinkTimeout when the instrument answers
        no resync.
        """
        if self._resync is None:
            await self._throw_away(since_s=_now(), quiet_s=self._silence_s)
            self._check_budget()
        else:
            await self._resynchronise(self._resync)
        self._owes = False

    async def _resynchronise(self, resync: Exchange[Any]) -> None:
        for _ in range(resync.attempts):
            doubtful = _now() < self._resync_due_s
            deadline_s = await self._send(resync)
            self._resync_due_s = _now() + self._latest_s
            if await self._answered(resync, deadline_s):
                break
        else:
            raise LinkTimeout(
                f"the instrument does not answer {title(resync)}; check its power and the cable"
            )
        while doubtful and await self._more(self._resync_due_s):
            self._heard.clear()
        self._check_budget()
        self._resync_due_s = -math.inf

    async def _answered(self, resync: Exchange[Any], deadline_s: float) -> bool:
        """True once a reply to `resync` has come; every other frame before it was owed and goes."""
        while True:
            try:
                resync.decode(await self._frame(resync, deadline_s))
            except LinkTimeout:
                return False
            except (CodecError, InstrumentRefused):
                continue
            return True

    async def _send(self, exchange: Exchange[Any]) -> float:
        """Send the request on a quiet line; gives the reply's deadline."""
        if exchange.overhear is None:
            await self._throw_away(since_s=self._heard_at_s, quiet_s=exchange.quiet_s)
        else:
            await self._overhear(exchange, exchange.overhear)
        self._check_budget()
        self._owes = True
        await self._link.write(exchange.request)
        return _now() + exchange.timeout_s

    async def _throw_away(self, *, since_s: float, quiet_s: float) -> None:
        """Throw away what comes until nothing came for `quiet_s`, counted from `since_s` or the
        last byte.
        """
        give_up_s = _now() + quiet_s + NOISE_LIMIT_S
        if await self._link.drain():
            since_s = _now()
        while await self._more(since_s + quiet_s):
            self._heard.clear()
            since_s = _now()
            if since_s > give_up_s:
                raise CodecError(
                    "noise",
                    f"the line was never silent for {quiet_s:g} s; is another program on it?",
                )
        self._heard.clear()

    async def _overhear(self, exchange: Exchange[Any], overhear: Callable[[bytes], bool]) -> None:
        """Hear what waits, until the line is silent for `quiet_s`. One that never is only speaks a
        lot: the request goes out all the same.
        """
        give_up_s = _now() + exchange.quiet_s + NOISE_LIMIT_S
        if waiting := await self._link.drain():
            self._heard += waiting
            self._heard_at_s = _now()
        while True:
            with suppress(CodecError):
                while length := self._frame_end(exchange):
                    overhear(self._cut(length))
            if not await self._more(min(self._heard_at_s + exchange.quiet_s, give_up_s)):
                return

    async def _reply(self, exchange: Exchange[Any], deadline_s: float) -> bytes:
        """The next whole frame that was not merely overheard. Raises as `_frame`."""
        frame = await self._frame(exchange, deadline_s)
        while exchange.overhear is not None and exchange.overhear(frame):
            frame = await self._frame(exchange, deadline_s)
        return frame

    async def _frame(self, exchange: Exchange[Any], deadline_s: float) -> bytes:
        """The next whole frame. Raises LinkTimeout, and CodecError when none can come of the bytes,
        which are then gone.
        """
        while (length := self._frame_end(exchange)) is None:
            if not await self._more(deadline_s):
                waited_s = min(exchange.timeout_s, self._budget_s)
                raise LinkTimeout(
                    f"no whole reply to {title(exchange)} within {waited_s:g} s "
                    f"({len(self._heard)} bytes came)",
                    bytes(self._heard),
                )
        return self._cut(length)

    def _cut(self, length: int) -> bytes:
        frame = bytes(self._heard[:length])
        del self._heard[:length]
        return frame

    def _frame_end(self, exchange: Exchange[Any]) -> int | None:
        heard = bytes(self._heard)
        try:
            length = (exchange.end(heard) or None) if heard else None
            if length is None and len(heard) >= MOST_BYTES:
                raise FrameTooLong(f"{len(heard)} bytes without the end of a frame", data=heard)
        except CodecError:
            self._heard.clear()
            raise
        return length

    async def _more(self, deadline_s: float) -> bool:
        """Hear what comes next; False when nothing came before the deadline or the budget's end."""
        deadline_s = min(deadline_s, self._until_s)
        # Bytes that never stop would keep `read` from waiting, and so from being timed out.
        if _now() >= deadline_s:
            return False
        try:
            async with asyncio.timeout_at(deadline_s):
                self._heard += await self._link.read()
        except TimeoutError:
            return False
        self._heard_at_s = _now()
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()
