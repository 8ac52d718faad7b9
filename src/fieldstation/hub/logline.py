"""How the hub's log is written.

1. Whatever a message quotes from outside, it stays one line of plain characters
   (test_a_name_stays_one_line_of_the_log). A traceback of a defect follows on lines of its own.
2. No secret is in it: keys and tokens are cut after their prefix, and addresses that are secrets
   themselves after the word that says what they are
   (test_no_real_secret_is_in_the_log_or_in_the_database).
"""

from __future__ import annotations

import logging
import re

from fieldstation.model.plain import plain

SECRET = re.compile(
    r"(\bfs[a-z]_|/(?:join|shared|address)/|/password/new/[^/\s]+/)(?!\.\.\.)[\w.~:%=+-]+"
)


class LogLine(logging.Formatter):
    """`level=ERROR logger=some.name` and the message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback where there is one."""
        return SECRET.sub(r"\1...", super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line without its traceback."""
        return f"level={record.levelname} logger={record.name} {plain(record.getMessage())}"
