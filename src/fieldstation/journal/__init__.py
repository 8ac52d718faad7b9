"""The station's durable log: readings in sequence, facts, what each sink has. The only station code
with sqlite3.
"""

from fieldstation.journal.cursors import Cursor, Sealed
from fieldstation.journal.journal import Journal, open_journal
from fieldstation.journal.ledger import Account
from fieldstation.journal.quarantine import Quarantined
from fieldstation.journal.reader import Check, Reader

__all__ = [
    "Account", "Check", "Cursor", "Journal", "Quarantined", "Reader", "Sealed", "open_journal",
]  # fmt: skip
