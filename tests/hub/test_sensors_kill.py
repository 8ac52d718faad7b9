"""A hub that is killed while sensors post: what it answered for is there afterwards, once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from fieldstation.series.embedded import EmbeddedStore

SERVE = """
import sys
from pathlib import Path
from fieldstation.hub import run
data = Path(sys.argv[1])
run.setup(data)
if len(sys.argv) > 2:
    from fieldstation.hub.sensors import registration, tokens
    from fieldstation.hub.sites.home import home
    made = registration.new_sensor(None, home(), "thermometer")
    print(made.pk, tokens.renew(made), flush=True)
run.serve(data, port=0, ready=lambda url: print(url, flush=True))
"""
WRITERS, KILLS, POSTS_BEFORE = 4, 3, 40


def start(data: Path, *more: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FIELDSTATION_")}
    command = [sys.executable, "-c", SERVE, str(data), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


class Writers:
    """Some threads that post as fast as they can until the hub is gone."""

    def __init__(self, url: str, sensor: str, token: str, numbers: Iterator[int]) -> None:
        self.answered: list[int] = []
        self.enough = threading.Event()
        self._lock = threading.Lock()
        self._numbers = numbers
        self._address = f"{url}/api/v1/sensors/{sensor}/readings"
        self._headers = {"Authorization": f"Bearer {token}"}
        self.threads = [threading.Thread(target=self._post) for _ in range(WRITERS)]
        for thread in self.threads:
            thread.start()

    def _post(self) -> None:
        with httpx.Client(timeout=20) as client:
            while True:
                with self._lock:
                    number = next(self._numbers)
                try:
                    answer = client.post(self._address, headers=self._headers, json={"n": number})
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                with self._lock:
                    self.answered.append(number)
                    if len(self.answered) >= POSTS_BEFORE:
                        self.enough.set()


@pytest.mark.slow
def test_posts_survive_kill_9(tmp_path: Path) -> None:
    numbers = iter(range(10**6))
    answered: list[int] = []
    process = start(tmp_path, "new")
    try:
        sensor, token = line(process).split()
        for _ in range(KILLS):
            writers = Writers(line(process), sensor, token, numbers)
            assert writers.enough.wait(60)
            process.send_signal(signal.SIGKILL)
            process.wait()
            for thread in writers.threads:
                thread.join()
            answered += writers.answered
            assert process.stdout
            process.stdout.close()
            process = start(tmp_path)
        assert line(process).startswith("http")
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    store = EmbeddedStore(tmp_path / "series.sqlite3", background=False)
    (entry,) = store.catalogue()
    found = Counter(store.read(entry.station, entry.name, ["n"], 0, 2**52).values["n"].tolist())
    store.close()
    with closing(sqlite3.connect(tmp_path / "hub.sqlite3")) as connection:
        (documents,) = connection.execute("SELECT count(*) FROM sensors_document").fetchone()
    assert [number for number in answered if found[number] != 1] == []
    assert max(found.values()) == 1
    assert found.total() == documents
