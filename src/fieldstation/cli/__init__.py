"""The command line: one group per file. Data on standard output, all else on standard error."""

from fieldstation.cli.app import main

__all__ = ["main"]
