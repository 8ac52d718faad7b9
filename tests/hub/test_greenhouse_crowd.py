"""A hub that has just started, and many nodes that post at once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

NODES = 30
SERVE = """
import sys
from pathlib import Path
from fieldstation.hub import run
data = Path(sys.argv[1])
run.setup(data)
from fieldstation.hub.greenhouse import house
house.set_up(posts=True)
run.serve(data, port=0, ready=lambda url: print(url, flush=True))
"""


async def crowd(url: str) -> list[int]:
    """What each of the nodes is answered."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        posts = [client.post("/BMS/post-json", json={"n": n}) for n in range(NODES)]
        return [answer.status_code for answer in await asyncio.gather(*posts)]


@pytest.mark.slow
def test_the_first_crowd_after_a_start_is_let_in(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FIELDSTATION_")}
    command = [sys.executable, "-c", SERVE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            assert asyncio.run(crowd(url)) == [200] * NODES
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
