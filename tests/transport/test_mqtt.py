"""Messages through a real broker: settled, given again, limited, refused."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import subprocess
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiomqtt
import pytest

from fieldstation.errors import ConfigError, LinkDenied, LinkError, LinkLost, LinkNotFound
from fieldstation.instruments import registry
from fieldstation.model import Message, MqttLine, SerialLine
from fieldstation.testing.broker import PROGRAM, Broker, broker
from fieldstation.transport import broker as broker_module
from fieldstation.transport import open_link
from fieldstation.transport.address import MqttPort, parse_address
from fieldstation.transport.broker import MOST_BYTES, MOST_UNREAD
from fieldstation.transport.mqtt import Arrival, Feed, open_feed, publish
from fieldstation.transport.secret import read_secret

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed"),
]

LINE = MqttLine(client_id="station")


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Broker]:
    async with broker(tmp_path) as one:
        yield one


async def say(one: Broker, *payloads: str | bytes, topic: str = "t", qos: int = 1) -> None:
    async with aiomqtt.Client(one.port.host, one.port.port) as client:
        for payload in payloads:
            await client.publish(topic, payload, qos)


def _trusting(certificate: Path) -> aiomqtt.TLSParameters:
    return aiomqtt.TLSParameters(ca_certs=str(certificate))


async def read(feed: Feed, count: int) -> list[Arrival]:
    async with asyncio.timeout(20):
        return [await feed.read() for _ in range(count)]


def payloads(arrivals: Sequence[Arrival]) -> list[str]:
    return [arrival.message.payload.decode() for arrival in arrivals]


async def test_messages_come_in_order_with_topic_and_payload(running: Broker) -> None:
    async with open_feed(running.port, LINE, ["a/+", "b"]) as feed:
        await say(running, "1", "2", topic="a/x")
        await say(running, "3", topic="b", qos=0)
        found = await read(feed, 3)
        assert payloads(found) == ["1", "2", "3"]
        assert found[0].message == Message("a/x", b"1")


async def test_a_message_that_was_not_settled_comes_again(running: Broker) -> None:
    async with open_feed(running.port, LINE, ["t"]) as feed:
        await say(running, "1", "2", "3")
        found = await read(feed, 3)
        feed.settle(found[:1])
    async with open_feed(running.port, LINE, ["t"]) as feed:
        found = await read(feed, 2)
        assert payloads(found) == ["2", "3"]
        feed.settle(found)
    async with open_feed(running.port, LINE, ["t"]) as feed:
        await say(running, "4")
        assert payloads(await read(feed, 1)) == ["4"]


async def test_what_is_published_while_nobody_listens_is_kept(running: Broker) -> None:
    async with open_feed(running.port, LINE, ["t"]):
        pass
    await say(running, *map(str, range(150)))
    async with open_feed(running.port, LINE, ["t"]) as feed:
        for number in range(150):
            arrival = await feed.read()
            assert arrival.message.payload == b"%d" % number
            feed.settle([arrival])


async def test_a_session_that_is_not_kept_is_forgotten(running: Broker) -> None:
    async with open_feed(running.port, LINE, ["t"], keep=False):
        pass
    await say(running, "missed")
    async with open_feed(running.port, LINE, ["t"], keep=False) as feed:
        await say(running, "heard")
        assert (await feed.read()).message.payload == b"heard"


async def test_a_kept_message_says_that_it_was_kept(running: Broker) -> None:
    async with aiomqtt.Client(running.port.host, running.port.port) as client:
        await client.publish("t", "old", 1, retain=True)
        async with open_feed(running.port, LINE, ["t"]) as feed:
            assert (await feed.read()).message == Message("t", b"old", retained=True)
            await client.publish("t", "new", 1, retain=True)
            assert (await feed.read()).message == Message("t", b"new", retained=False)


async def test_a_broker_that_ends_is_lost_and_found_again(running: Broker) -> None:
    async with open_feed(running.port, LINE, ["t"]) as feed:
        waiting = asyncio.ensure_future(feed.read())
        await asyncio.sleep(0)
        await running.stop()
        with pytest.raises(LinkLost, match=f"{running.port} is gone"):
            await waiting
        feed.settle([Arrival(Message("t", b""), 1, 1)])
    with pytest.raises(LinkNotFound, match="check the address and that the broker runs"):
        async with open_feed(running.port, LINE, ["t"]):
            pytest.fail("there is no broker")
    await running.start()
    async with open_feed(running.port, LINE, ["t"]) as feed:
        await say(running, "back")
        assert payloads(await read(feed, 1)) == ["back"]


async def test_unsettled_messages_survive_a_restart_of_the_broker(running: Broker) -> None:
    async with open_feed(running.port, LINE, ["t"]) as feed:
        await say(running, "1", "2")
        await read(feed, 2)
        await running.stop()
        with pytest.raises(LinkLost):
            await feed.read()
    await running.start()
    async with open_feed(running.port, LINE, ["t"]) as feed:
        assert payloads(await read(feed, 2)) == ["1", "2"]


async def test_a_message_that_is_too_long_never_comes(running: Broker) -> None:
    async with open_feed(running.port, LINE, ["t"]) as feed:
        await say(running, b"x" * MOST_BYTES, b"y" * (MOST_BYTES + 2000), b"after")
        found = await read(feed, 2)
        assert [len(arrival.message.payload) for arrival in found] == [MOST_BYTES, 5]


async def test_a_flood_that_wants_no_acknowledgement_is_cut_off(running: Broker) -> None:
    async with open_feed(running.port, LINE, ["t"]) as feed:
        await say(running, *["x"] * (MOST_UNREAD + 500), qos=0)
        await say(running, "end")
        found = await read(feed, MOST_UNREAD)
        while found[-1].message.payload != b"end":
            found.append(await feed.read())
        assert feed.dropped == 501 + MOST_UNREAD - len(found)


async def test_another_client_of_the_same_name_ends_the_first(running: Broker) -> None:
    async with (
        open_feed(running.port, LINE, ["t"]) as first,
        open_feed(running.port, LINE, ["t"]) as second,
    ):
        with pytest.raises(LinkLost, match="is gone"):
            await first.read()
        await say(running, "1")
        assert payloads(await read(second, 1)) == ["1"]


async def test_user_and_password_are_asked_for(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    tool = shutil.which("mosquitto_passwd")
    assert tool
    command = [tool, "-b", "-c", str(passwords), "hall", "secret"]
    await asyncio.to_thread(subprocess.run, command, check=True)
    settings = f"allow_anonymous false\npassword_file {passwords}"
    line = MqttLine("hall", client_id="station")
    async with broker(tmp_path, settings) as one, asyncio.timeout(10):
        for user, password in ((LINE, ""), (line, "wrong")):
            with pytest.raises(LinkDenied, match="check user and password_file"):
                async with open_feed(one.port, user, ["t"], password=password):
                    pytest.fail("nobody may come in like this")
        async with open_feed(one.port, line, ["t"], password="secret"):
            pass


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_an_encrypted_broker_is_heard_when_its_authority_is_known(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=broker",
               "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out",
               str(certificate)]  # fmt: skip
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    settings = f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}"
    line = MqttLine(client_id="station", ca_file=str(certificate))
    async with broker(tmp_path, settings) as one, asyncio.timeout(20):
        port = MqttPort(one.port.host, one.port.port, tls=True)
        with warnings.catch_warnings():
            # The library leaves the socket of a failed handshake to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            with pytest.raises(LinkNotFound, match="certificate verify failed"):
                async with open_feed(port, LINE, ["t"]):
                    pytest.fail("this authority is unknown")
            async with open_feed(port, line, ["t"]) as feed:
                client = aiomqtt.Client(port.host, port.port, tls_params=_trusting(certificate))
                async with client:
                    await client.publish("t", "hidden", 1)
                assert payloads(await read(feed, 1)) == ["hidden"]
            gc.collect()
        with pytest.raises(ConfigError, match="is no certificate"):
            async with open_feed(port, MqttLine(ca_file=str(tmp_path / "none")), ["t"]):
                pytest.fail("this file is not there")


class SmallBroker(asyncio.Protocol):
    """Refuses MQTT 5 as brokers of 3.1.1 do and answers a subscription with `grants`; then it sends
    one message. A silent one answers nothing.
    """

    def __init__(self, grants: bytes = b"\x01", *, silent: bool = False) -> None:
        self._grants = grants
        self._silent = silent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        kind, version = data[0] >> 4, data[8:9]
        if self._silent:
            return
        if kind == 1 and version == b"\x05":
            self._transport.write(b"\x20\x02\x00\x01")
            self._transport.close()
        elif kind == 1:
            self._transport.write(b"\x20\x02\x00\x00")
        elif kind == 8:
            answer = data[2:4] + self._grants
            self._transport.write(bytes([0x90, len(answer)]) + answer + b"\x30\x05\x00\x01thi")


@asynccontextmanager
async def small_broker(grants: bytes = b"\x01", *, silent: bool = False) -> AsyncIterator[MqttPort]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SmallBroker(grants, silent=silent), "127.0.0.1", 0)
    async with server, asyncio.timeout(30):
        yield MqttPort("127.0.0.1", server.sockets[0].getsockname()[1])


async def test_a_broker_of_the_old_version_is_spoken_to_in_it() -> None:
    async with small_broker() as port, open_feed(port, LINE, ["t"]) as feed:
        assert (await feed.read()).message == Message("t", b"hi")


async def test_a_topic_that_nobody_may_hear_is_named() -> None:
    async with small_broker(b"\x01\x80") as port:
        with pytest.raises(LinkDenied, match="lets nobody hear closed who"):
            async with open_feed(port, LINE, ["open", "closed"]):
                pytest.fail("nobody may hear this")


async def test_a_port_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "ANSWER_S", 0.3)
    async with small_broker(silent=True) as port:
        with pytest.raises(LinkError, match="timed out"):
            async with open_feed(port, LINE, ["t"]):
                pytest.fail("nobody answered")


async def test_who_stops_while_it_connects_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker_module, "ANSWER_S", 0.3)
    async with small_broker(silent=True) as port:
        connecting = asyncio.ensure_future(open_feed(port, LINE, ["t"]).__aenter__())
        await asyncio.sleep(0)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting


async def test_the_twin_of_a_node_publishes_until_it_is_stopped(running: Broker) -> None:
    twin = registry.speaker("esp_node", "", 1)
    clock_s = iter(range(1_779_969_600, 1_779_999_600))
    async with open_feed(running.port, LINE, ["esp001log", "+"]) as feed:
        speaking = asyncio.ensure_future(
            publish(twin, lambda: float(next(clock_s)), running.port, speed=100)
        )
        found = await read(feed, 100)
        assert found[0].message.topic == "esp001log"
        await running.stop()
        await running.start()
        speaking.cancel()
        with suppress(asyncio.CancelledError):
            await speaking


async def test_who_is_stopped_in_the_moment_of_an_answer_stops(
    running: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answered(*_args: object) -> None:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        loop.call_soon(answer.set_result, None)
        loop.call_soon(speaking.cancel)
        await asyncio.wait_for(answer, 1)

    monkeypatch.setattr(aiomqtt.Client, "publish", answered)
    twin = registry.speaker("esp_node", "", 1)
    speaking = asyncio.ensure_future(publish(twin, lambda: 1_779_969_600.0, running.port))
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await speaking


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("mqtt://broker:1884", MqttPort("broker", 1884)),
        ("mqtts://[fe80::1]:8883", MqttPort("fe80::1", 8883, tls=True)),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, port: MqttPort) -> None:
    assert parse_address(text) == port
    assert str(port) == text


def test_an_address_without_a_port_has_the_usual_one() -> None:
    assert parse_address("mqtt://broker") == MqttPort("broker", 1883)
    assert parse_address("mqtts://broker/") == MqttPort("broker", 8883, tls=True)


@pytest.mark.parametrize(
    "text", ["mqtt://", "mqtt://me:pw@host", "mqtt://host/t", "mqtt://host:0", "mqtt://host:99999"]
)
def test_a_wrong_address_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(ConfigError, match=r"mqtt://HOST\[:PORT\]"):
        parse_address(text)


async def test_a_broker_is_no_line_to_ask_on() -> None:
    with pytest.raises(ConfigError, match="instruments are heard there, not asked"):
        await open_link("mqtt://broker", SerialLine())


def test_a_secret_is_read_only_from_a_file_that_is_secret(tmp_path: Path) -> None:
    file = tmp_path / "password"
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_secret(file)
    file.write_text("open sesame\nmore\n")
    with pytest.raises(ConfigError, match="type: chmod 600"):
        read_secret(file)
    file.chmod(0o600)
    assert read_secret(file) == "open sesame"
    for content in (b"", b"\n\n", b"a\x07b"):
        file.write_bytes(content)
        os.chmod(file, 0o600)
        with pytest.raises(ConfigError, match="must hold the secret"):
            read_secret(file)
