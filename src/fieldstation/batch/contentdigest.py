"""`Content-Digest` of RFC 9530, with SHA-256: documents that have no digest of their own say in a
header what they were when they left. TCP's checksum lets one error in 65,536 pass, and a proxy may
be at fault: a run's id with one bit changed would be another run.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

HEADER = "content-digest"


def content_digest(body: bytes) -> str:
    """The header's value for this body."""
    return f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"


def is_intact(body: bytes, header: str) -> bool:
    """False when `header` names another SHA-256; other algorithms and "" say nothing."""
    members = (member.strip() for member in header.split(","))
    told = [member for member in members if member.lower().startswith("sha-256=")]
    return all(member[8:] == content_digest(body)[8:] for member in told)
