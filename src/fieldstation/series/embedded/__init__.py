"""The series store that needs no server: one SQLite file with compressed columns."""

from fieldstation.series.embedded.store import EmbeddedStore

__all__ = ["EmbeddedStore"]
