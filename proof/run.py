"""One part in a process of its own: `python -m proof.run NAME SEED SHARE`; its figures as JSON."""

from __future__ import annotations

import json
import sys

from proof.__main__ import prove


def main(name: str, seed: str, share: str) -> None:
    """Run the part and print what it brings back."""
    print(json.dumps(prove(name, int(seed), float(share)).as_json()))


if __name__ == "__main__":
    main(*sys.argv[1:])
