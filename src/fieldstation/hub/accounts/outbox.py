"""Mails on their way: sent one after the other by a thread of their own, behind the answers.

1. No answer waits for a mail, nor for the look whether there is somebody to send it to; so its time
   tells nothing (test_the_time_of_an_answer_does_not_tell_who_has_an_account).
2. At most `MOST` wait. One more is refused, whoever it is for (test_a_full_outbox_is_said).
3. What could not be sent is logged and shown to the operator (test_the_operator_sees_failed_mails).
4. A hub that ends goes on sending for `CLOSE_WITHIN_S`; what waits then is dropped and logged.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from django.db import connections
from django.utils import timezone

MOST = 200
FAILURES_SHOWN = 20
CLOSE_WITHIN_S = 5.0
log = logging.getLogger(__name__)

Job = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Failure:
    """A mail that could not be sent: when, and what kind of mail it was."""

    at: datetime
    what: str


class Outbox:
    """The mails that wait, and the thread that sends them."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mail")
        self._lock = Lock()
        self._waiting = 0
        self._until: float | None = None
        self._failures: deque[Failure] = deque(maxlen=FAILURES_SHOWN)

    def put(self, what: str, job: Job) -> bool:
        """Do `job` soon, which tells whether it went well; False when too many wait already."""
        with self._lock:
            full = self._waiting >= MOST
            self._waiting += 0 if full else 1
        if full:
            self._fail(what, "too many wait")
            return False
        self._pool.submit(self._work, what, job).add_done_callback(
            lambda future: self._done(what, future)
        )
        return True

    @property
    def waiting(self) -> int:
        """How many mails wait or are being sent."""
        return self._waiting

    def failures(self) -> list[Failure]:
        """The latest ones since the hub started, newest first."""
        return list(reversed(self._failures))

    def settle(self, timeout_s: float) -> None:
        """Wait until what waits now is sent. Raises TimeoutError."""
        self._pool.submit(lambda: None).result(timeout_s)

    def close(self) -> None:
        """Send for a while what waits, and end."""
        self._until = time.monotonic() + CLOSE_WITHIN_S
        self._pool.shutdown()

    def _work(self, what: str, job: Job) -> bool:
        if self._until is not None and time.monotonic() > self._until:
            log.error("mail=dropped what=%s", what)
            return False
        try:
            return job()
        finally:
            connections.close_all()

    def _done(self, what: str, future: Future[bool]) -> None:
        with self._lock:
            self._waiting -= 1
        error = future.exception()
        if error is not None:
            log.error("mail=failed what=%s", what, exc_info=error)
        if error is not None or not future.result():
            self._fail(what, "not sent")

    def _fail(self, what: str, why: str) -> None:
        log.error("mail=lost what=%s why=%r", what, why)
        self._failures.append(Failure(timezone.now(), what))
