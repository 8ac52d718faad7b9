"""Bytes move here: links to instruments, and the one runner of conversations. No instrument is
known.
"""

from fieldstation.transport.address import Address, parse_address
from fieldstation.transport.converse import Runner
from fieldstation.transport.link import Link
from fieldstation.transport.opening import open_link
from fieldstation.transport.play import answers, play

__all__ = ["Address", "Link", "Runner", "answers", "open_link", "parse_address", "play"]
