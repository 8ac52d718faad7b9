"""The station's durable log: readings in sequence, cursors of sinks, holes. The only station code
with sqlite3.
"""

from fieldstation.journal.cursors import Cursor, Sealed
from fieldstation.journal.journal import Journal, open_journal
from fieldstation.journal.reader import Check, Quarantined, Reader

__all__ = [
    "Check", "Cursor", "Journal", "Quarantined", "Reader", "Sealed", "open_journal",
]  # fmt: skip
