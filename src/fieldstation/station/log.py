"""The station's log: one line of `key=value` pairs for each event, on standard error.

Values that hold a blank, a quote or a control character are quoted and escaped, so that no text
from outside can start a line of its own.
"""

from __future__ import annotations

import json
import logging

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class KeyValues(logging.Formatter):
    """`level=warning event="instrument lost" instrument=inverter cause=unplugged`; the journal of
    the system adds the time.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; a traceback follows in lines of its own."""
        pairs = {"level": record.levelname.lower(), "event": record.getMessage()}
        pairs |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        line = " ".join(f"{key}={_quoted(str(value))}" for key, value in pairs.items())
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _quoted(text: str) -> str:
    plain = text and text.isprintable() and not set(' "=\\') & set(text)
    return text if plain else json.dumps(text)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send the program's log to standard error. Other libraries speak from warnings upwards."""
    handler = logging.StreamHandler()
    handler.setFormatter(KeyValues())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("fieldstation").setLevel(level)
