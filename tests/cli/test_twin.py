"""A twin on its own, and the program that reads it with the printed address and nothing else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.cli.test_scan import fieldstation, serving

pytestmark = pytest.mark.slow


def _there(path: str) -> bool:
    return Path(path).exists()


async def test_a_usb_instrument_is_read_in_reports_at_the_printed_address(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    async with serving("twin", "se521", "--fast") as address:
        assert address.endswith("/hidraw0")
        file.write_text(f'[instrument.roof]\nkind = "se521"\nport = "{address}"\n')
        result = await asyncio.to_thread(
            fieldstation, "read", "roof", "--json", "--config", str(file)
        )
    assert result.returncode == 0, result.stderr
    assert '"temperature_4"' in result.stdout
    assert json.loads(result.stdout.splitlines()[0])
    assert not _there(address)
