"""The SSH listener: what old gateways need, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import asyncssh
import pytest

from fieldstation.errors import ConfigError


async def test_openssh_itself_can_deliver(gateway: Any, old: Any, tmp_path: Any) -> None:
    slot = await asyncio.to_thread(gateway.slot)
    path = tmp_path / f"{slot['batchid']}.zip"
    path.write_bytes(old.zipped(old.table([old.row(1, "2021-01-14 15:40")]), gateway.key))
    told = tmp_path / "told"
    told.write_text(f"#!/bin/sh\necho {slot['batchid']}\n")
    told.chmod(0o700)
    options = ["-O", "-q", "-F", "none", "-o", "StrictHostKeyChecking=no"]
    options += ["-o", "UserKnownHostsFile=/dev/null", "-P", str(slot["port"]), str(path)]
    target = f"{gateway.key}@{slot['domain']}:{slot['destination']}{gateway.key}/inbox/"
    process = await asyncio.create_subprocess_exec(
        "scp", *options, target,
        env={"SSH_ASKPASS": str(told), "SSH_ASKPASS_REQUIRE": "force", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert await process.wait() == 0
    assert (await gateway.settled(slot["batchid"]))["stored"] == 1


async def test_login_needs_key_and_open_slot_of_that_gateway(gateway: Any, other: Any) -> None:
    slot = await asyncio.to_thread(gateway.slot)
    with pytest.raises(asyncssh.PermissionDenied):
        await other.connect(slot)
    with pytest.raises(asyncssh.PermissionDenied):
        await gateway.connect(slot | {"batchid": "f" * 32})
    async with await gateway.connect(slot):
        pass


async def test_a_slot_closes_after_ten_minutes(
    gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub.legacy import slots

    assert timedelta(minutes=10) == slots.OPEN_FOR
    monkeypatch.setattr(slots, "OPEN_FOR", timedelta(0))
    with pytest.raises(asyncssh.PermissionDenied):
        await gateway.connect(await asyncio.to_thread(gateway.slot))


async def test_a_filled_slot_takes_no_login(gateway: Any, old: Any) -> None:
    slot = await asyncio.to_thread(gateway.slot)
    await gateway.copy(slot, old.zipped(old.table([]), gateway.key))
    with pytest.raises(asyncssh.PermissionDenied):
        await gateway.connect(slot)


@pytest.mark.parametrize(
    "command",
    [
        "", "ls", "scp -f /etc/passwd", "scp -t /", "scp -r -t {folder}", "scp -t {folder}; ls",
        "scp -t {folder} /etc", "scp -t {folder}..", "sh -c 'scp -t {folder}'", "scp -t '{folder}",
        "$(scp -t {folder})", "scp\n-t {folder}x",
    ],
)  # fmt: skip
async def test_nothing_but_the_upload_is_open(gateway: Any, command: str) -> None:
    slot = await asyncio.to_thread(gateway.slot)
    folder = f"{slot['destination']}{gateway.key}/inbox/"
    async with await gateway.connect(slot) as line:
        with pytest.raises(asyncssh.ChannelOpenError):
            await line.create_process(command.format(folder=folder) or None, encoding=None)
        with pytest.raises(asyncssh.ChannelOpenError):
            await line.create_process("true", encoding=None)


async def test_no_subsystem_terminal_or_forwarding(gateway: Any) -> None:
    slot = await asyncio.to_thread(gateway.slot)
    folder = f"{slot['destination']}{gateway.key}/inbox/"
    async with await gateway.connect(slot) as line:
        with pytest.raises((asyncssh.ChannelOpenError, asyncssh.SFTPError)):
            await line.start_sftp_client()
    async with await gateway.connect(slot) as line:
        with pytest.raises(asyncssh.ChannelOpenError):
            await line.open_connection("127.0.0.1", 80)
        with pytest.raises(asyncssh.ChannelListenError):
            await line.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 80)
        with pytest.raises(asyncssh.ChannelOpenError):
            await line.create_process(f"scp -t {folder}", term_type="xterm", encoding=None)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "other.zip"}, {"name": "../{batch}.zip"}, {"name": "/tmp/{batch}.zip"},
        {"name": "{batch}.zip.zip"}, {"size": 1 << 40},
    ],
)  # fmt: skip
async def test_only_the_one_file_is_taken(gateway: Any, old: Any, changed: Any) -> None:
    slot = await asyncio.to_thread(gateway.slot)
    if "name" in changed:
        changed = {"name": changed["name"].format(batch=slot["batchid"])}
    with pytest.raises(old.TransferFailed, match="\x01scp: "):
        await gateway.copy(slot, b"x", **changed)
    assert gateway.status(slot["batchid"])["status"] == "Requested"


async def test_a_transfer_that_breaks_leaves_the_slot_open(
    gateway: Any, old: Any, hub: Any
) -> None:
    data = old.zipped(old.table([old.row(1, "2021-01-14 15:40")]), gateway.key)
    slot = await asyncio.to_thread(gateway.slot)
    async with await gateway.connect(slot) as line:
        process = await line.create_process(
            f"scp -t {slot['destination']}{gateway.key}/inbox/", encoding=None
        )
        process.stdin.write(f"C0644 {len(data)} {slot['batchid']}.zip\n".encode() + data[:-40])
        assert await process.stdout.readexactly(2) == b"\0\0"
    assert gateway.status(slot["batchid"])["status"] == "Requested"
    await gateway.copy(slot, data)
    assert (await gateway.settled(slot["batchid"]))["stored"] == 1


def test_the_host_key_is_made_once_for_the_hub_alone(tmp_path: Any) -> None:
    from fieldstation.hub.legacy.listener import host_key

    path = tmp_path / "ssh_host_key"
    made = host_key(path).get_fingerprint()
    assert path.stat().st_mode & 0o777 == 0o600
    assert host_key(path).get_fingerprint() == made


def test_the_listener_says_what_to_install(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldstation.hub import run

    monkeypatch.setattr(run, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"fieldstation\[hub,scp\]"):
        run.serve(tmp_path / "data", port=0, scp_port=0)
    assert not (tmp_path / "data").exists()
