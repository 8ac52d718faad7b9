"""What the demo has to know of its hub, as a file keeps it; made by `showroom`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Furnished:
    """`key` is the station's, `token` the owner's for the API, `people` are passwords by name (the
    owner first), `sensors` numbers and tokens by name, `share` is the secret part of a share link,
    `old_posts` owner and name of a sensor that posts as the old site's clients do.
    """

    key: str
    people: Mapping[str, str]
    sensors: Mapping[str, tuple[int, str]]
    share: str
    old_posts: tuple[str, str]
    token: str

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> Furnished:
        """What `text` wrote."""
        return cls(**json.loads(text))
