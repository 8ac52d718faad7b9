from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from fieldstation.batch.contentdigest import content_digest, is_intact
from fieldstation.batch.model import Announcement, Batch, UnknownLayout
from fieldstation.batch.report import Answer, Report
from fieldstation.errors import (
    BatchRefused,
    ConfigError,
    FieldstationError,
    HubUnreachable,
    KeyRejected,
)
from fieldstation.model import Kept
from fieldstation.sinks.destination import BatchTooLarge
from fieldstation.sinks.hub import HubSink
from fieldstation.sinks.keyfile import read_key

from .conftest import BOOT, LAYOUT, NOW_US, reading
from .hubdouble import Fault, HubDouble, problem, reset, status

TOLD = Announcement("inverter", LAYOUT, 10**6)


def _batch(voltage: float = 230.0) -> Batch:
    return Batch(BOOT, 1, 1, 1, (Kept(1, reading(0, voltage=voltage)),), (TOLD,))


def _problem(number: int, **more: object) -> Fault:
    return lambda hub, body: problem(number, "because", **more)


async def test_a_batch_comes_back_with_its_receipt(hub: HubDouble, key_file: Path) -> None:
    sink = HubSink(hub.url + "/", key_file)
    receipt = await sink.deliver(_batch())
    again = await sink.deliver(_batch())
    await sink.aclose()
    assert (receipt.first, receipt.last, receipt.stored, receipt.duplicate) == (1, 1, 1, 0)
    assert (again.stored, again.duplicate) == (0, 1)
    assert hub.stored[BOOT, 1] == reading(0, voltage=230.0)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (_problem(401), KeyRejected, "does not accept the key in .*gateway.key"),
        (_problem(409, layouts=["ab"]), UnknownLayout, "unknown layout ab"),
        (_problem(409), HubUnreachable, "409"),
        (_problem(413), BatchTooLarge, "because"),
        (_problem(422, code="contradiction"), BatchRefused, "because"),
        (_problem(422, code="crc_mismatch"), HubUnreachable, "did not get what was sent"),
        (_problem(422, code="bad_version"), HubUnreachable, "did not get what was sent"),
        (_problem(422), HubUnreachable, "is the url right"),
        (_problem(408), HubUnreachable, "is not ready .408 because"),
        (_problem(503), HubUnreachable, "is not ready .503 because"),
        (status(404), HubUnreachable, "404; is the url right"),
        (status(500), HubUnreachable, "is not ready .500"),
        (status(200), HubUnreachable, "login page"),
        (status(200, b"[" * 50_000), HubUnreachable, "login page"),
        (status(200, b"y" * 70_000), HubUnreachable, "without end"),
        (reset, HubUnreachable, "cannot be reached"),
    ],
)
async def test_each_answer_of_the_hub_has_its_own_consequence(
    hub: HubDouble, key_file: Path, fault: Fault, error: type[FieldstationError], words: str
) -> None:
    hub.faults.append(fault)
    sink = HubSink(hub.url, key_file)
    with pytest.raises(error, match=words):
        await sink.deliver(_batch())
    assert (await sink.deliver(_batch())).stored == 1
    await sink.aclose()


async def test_an_answer_that_was_changed_on_the_way_is_not_believed(key_file: Path) -> None:
    told = json.dumps(Answer(NOW_US, 7).as_json()).encode()
    changed = told.replace(b": 7,", b": 9,")
    sent: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        body = told if len(sent) > 1 else changed
        headers = {"content-digest": content_digest(told)}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))

    sink = HubSink("http://hub.test", key_file)
    client = httpx.AsyncClient(transport=httpx.MockTransport(reply))
    sink._web._client = client
    report = Report("01" * 8, BOOT, "k", "1", NOW_US, 1, 1)
    with pytest.raises(HubUnreachable, match="changed on the way"):
        await sink.report(report)
    assert (await sink.report(report)).through == 7
    await sink.aclose()
    assert changed != told
    assert is_intact(sent[0].content, sent[0].headers["content-digest"])


async def test_a_redirect_is_not_followed(hub: HubDouble, key_file: Path) -> None:
    hub.faults.append(status(307))
    sink = HubSink(hub.url, key_file)
    with pytest.raises(HubUnreachable, match="307"):
        await sink.deliver(_batch())
    await sink.aclose()


async def test_a_hub_that_is_not_there_is_unreachable(key_file: Path) -> None:
    sink = HubSink("http://127.0.0.1:1", key_file)
    with pytest.raises(HubUnreachable, match=r"127\.0\.0\.1:1 cannot be reached"):
        await sink.deliver(_batch())
    await sink.aclose()


async def test_a_proxy_of_the_environment_is_not_used(
    hub: HubDouble, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    sink = HubSink(hub.url, key_file)
    assert (await sink.deliver(_batch())).stored == 1
    await sink.aclose()


async def test_a_configured_proxy_is_used(hub: HubDouble, key_file: Path) -> None:
    sink = HubSink("http://hub.example", key_file, proxy=hub.url)
    assert (await sink.deliver(_batch())).stored == 1
    await sink.aclose()


async def test_a_reading_that_cannot_be_written_is_refused_here(
    hub: HubDouble, key_file: Path
) -> None:
    sink = HubSink(hub.url, key_file)
    with pytest.raises(BatchRefused, match="not finite") as caught:
        await sink.deliver(_batch(float("inf")))
    assert caught.value.code == "bad_value"
    await sink.aclose()


async def test_a_missing_key_file_is_for_a_person(hub: HubDouble, tmp_path: Path) -> None:
    sink = HubSink(hub.url, tmp_path / "none.key")
    with pytest.raises(KeyRejected, match=r"none\.key cannot be read .*add a gateway"):
        await sink.deliver(_batch())
    await sink.aclose()


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ("fsk_secret", 0o644, "chmod 600"),
        ("fsk_secret", 0o620, "chmod 600"),
        ("", 0o600, "holds no key"),
        ("two\nlines", 0o600, "holds no key"),
        ("k" * 5000, 0o600, "holds no key"),
        ("schlüssel", 0o600, "holds no key"),
    ],
)
def test_a_key_file_that_is_not_right_is_refused_without_showing_it(
    tmp_path: Path, content: str, mode: int, words: str
) -> None:
    path = tmp_path / "gateway.key"
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(ConfigError, match=words) as caught:
        read_key(path)
    assert "secret" not in str(caught.value)


def test_a_key_is_read_without_the_line_end(key_file: Path) -> None:
    assert read_key(key_file) == "fsk_right"
