"""Names for nodes, made from the texts that they go by on the broker."""

from __future__ import annotations

import re
from hashlib import blake2b

LONGEST = 32
_PLAIN = re.compile(r"[a-z][a-z0-9_-]*\Z")
_OTHER = re.compile(r"[^a-z0-9_-]+")
_DIGEST_BYTES = 3


def node_name(text: str) -> str:
    """`text` as a name: lower case letters, digits, `_` and `-`, a letter first, at most LONGEST.

    A text that is no such name gets a digest of itself at the end, so that different texts keep
    different names.
    """
    if len(text) <= LONGEST and _PLAIN.match(text):
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
    words = _OTHER.sub("_", text.lower()).strip("_-")
    words = words if words[:1].isalpha() else f"node_{words}"
    return f"{words[: LONGEST - len(digest) - 1].rstrip('_-')}_{digest}"
