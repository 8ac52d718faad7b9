"""Does the time of a refused sign-in tell whether the account exists?"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure

NAME, PASSWORD = "ada", "a long way to the sea"
TRIES = 200


def measure() -> list[Figure]:
    """The backend itself, so that no throttle and no network stands between."""
    with _accounts():
        from fieldstation.hub.accounts.backend import NameOrEmail

        backend = NameOrEmail()
        took: dict[str, list[float]] = {NAME: [], "nobody": []}
        for _ in range(TRIES):
            for name, times in took.items():
                began = time.perf_counter()
                assert backend.authenticate(None, name, "wrong but long") is None
                times.append(time.perf_counter() - began)
    known, unknown = median(took[NAME]), median(took["nobody"])
    apart = 100 * abs(known - unknown) / known
    return [
        Figure("sign-in refused, known account, median", known * 1000, "ms"),
        Figure("sign-in refused, unknown account, median", unknown * 1000, "ms"),
        Figure("the two apart", apart, "% of a hash", most=5, note=f"{TRIES} tries of each"),
    ]


@contextmanager
def _accounts() -> Iterator[None]:
    from fieldstation.hub import run

    with tempfile.TemporaryDirectory() as folder:
        os.environ["FIELDSTATION_HUB_URL"] = "http://127.0.0.1"
        run.add_user(Path(folder), NAME, PASSWORD)
        yield
