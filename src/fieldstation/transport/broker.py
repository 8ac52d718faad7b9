"""A connection to an MQTT broker: made within its limits, refused in a sentence.

MQTT 5 is tried first, since it lets a client say what it can take; a broker that knows only 3.1.1
gets that. `test_a_broker_of_the_old_version_is_spoken_to_in_it`
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, TypeVar, cast

import aiomqtt
from aiomqtt import MqttError, ProtocolVersion
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fieldstation.errors import ConfigError, LinkDenied, LinkError, LinkLost, LinkNotFound
from fieldstation.model import MqttLine
from fieldstation.transport.address import MqttPort

T = TypeVar("T")

MOST_BYTES = 65_536
# Head and topic of a packet beside its payload.
PACKET_BYTES = MOST_BYTES + 1024
MOST_UNSETTLED = 100
MOST_UNREAD = 1000
# How long a broker shall keep the session of a station that stays away.
SESSION_S = 30 * 86_400
# Twice this (a way there, an answer) is less than a station takes to stop.
ANSWER_S = 4.0
KEEP_ALIVE_S = 30

# Reason codes of MQTT 5 (section 2.4), into which those of 3.1.1 are translated.
REFUSED = 0x80
_OTHER_VERSION = 0x84
_DENIED = {0x86, 0x87, 0x8A, 0x8C}

V5, V311 = ProtocolVersion.V5, ProtocolVersion.V311


class Inbox(asyncio.Queue[aiomqtt.Message]):
    """What has come and was not read. Bounded for messages that nobody acknowledges; the others
    are bounded by the broker.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dropped = 0

    def put_nowait(self, item: aiomqtt.Message) -> None:
        if item.qos == 0 and self.qsize() >= MOST_UNREAD:
            self.dropped += 1
        else:
            super().put_nowait(item)


class _OldBroker(Exception):
    """The broker speaks 3.1.1 only."""


async def connected(
    port: MqttPort, line: MqttLine, password: str, inbox: Inbox, *, keep: bool = True
) -> aiomqtt.Client:
    """A client that is connected. `keep`: with a session that outlives the connection.

    Raises LinkNotFound, LinkDenied, LinkError, ConfigError.
    """
    try:
        return await _connect(_client(port, line, password, inbox, V5, keep=keep), port)
    except _OldBroker:
        return await _connect(_client(port, line, password, inbox, V311, keep=keep), port)


def _client(
    port: MqttPort, line: MqttLine, password: str, inbox: Inbox, version: ProtocolVersion,
    *, keep: bool,
) -> aiomqtt.Client:  # fmt: skip
    new = version is V5
    client = aiomqtt.Client(
        port.host,
        port.port,
        username=line.user or None,
        password=password or None,
        identifier=line.client_id or None,
        queue_type=cast(type[asyncio.Queue[aiomqtt.Message]], lambda maxsize: inbox),
        protocol=version,
        clean_session=None if new else not keep,
        clean_start=not keep if new else MQTT_CLEAN_START_FIRST_ONLY,
        properties=_limits(keep=keep) if new else None,
        timeout=ANSWER_S,
        keepalive=KEEP_ALIVE_S,
        tls_context=_authority(line.ca_file) if port.tls else None,
    )
    client._client.manual_ack_set(True)
    client._client.connect_timeout = ANSWER_S
    return client


def _limits(*, keep: bool) -> Any:
    properties: Any = cast(Any, Properties)(PacketTypes.CONNECT)
    properties.MaximumPacketSize = PACKET_BYTES
    properties.ReceiveMaximum = MOST_UNSETTLED
    properties.SessionExpiryInterval = SESSION_S if keep else 0
    return properties


def _authority(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"ca_file {ca_file} is no certificate: {error}") from error


async def _connect(client: aiomqtt.Client, port: MqttPort) -> aiomqtt.Client:
    """Enter the client. The connection is made on a thread, which cannot be cancelled: who is
    cancelled meanwhile waits for its end.
    """
    entering = asyncio.ensure_future(client.__aenter__())
    try:
        return await asyncio.shield(entering)
    except asyncio.CancelledError:
        await asyncio.wait({entering})
        client._client.disconnect()
        entering.exception()
        raise
    except MqttConnectError as error:
        client._client.disconnect()
        raise _refusal(port, error) from error
    except MqttError as error:
        client._client.disconnect()
        raise LinkNotFound(
            f"{port} cannot be reached ({error}); check the address and that the broker runs"
        ) from error


async def leave(client: aiomqtt.Client) -> None:
    """Say goodbye, or drop what is left of the connection."""
    with suppress(MqttError):
        await heeding(client.__aexit__(None, None, None))
    if client._disconnected.done():
        # Who was reading has been told; nobody else wants to know.
        client._disconnected.exception()


async def heeding(answer: Awaitable[T]) -> T:
    """What the broker answers. Raises CancelledError for who is cancelled meanwhile.

    aiomqtt waits by `asyncio.wait_for`. Before Python 3.12 that gives its result, and no word of
    the cancellation, to a task that is cancelled in the moment when the result comes.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    found = await answer
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
    return found


# --- words ---


def _refusal(port: MqttPort, error: MqttConnectError) -> Exception:
    code = number(error.rc)
    if code == _OTHER_VERSION:
        return _OldBroker()
    if code in _DENIED:
        return LinkDenied(
            f"{port} refuses this client ({_reason(error)}); check user and password_file"
        )
    return LinkError(f"{port} refuses the connection: {_reason(error)}")


def lost(port: MqttPort, error: MqttError) -> LinkLost:
    cause = error.__cause__ if isinstance(error.__cause__, MqttError) else error
    return LinkLost(f"{port} is gone: {_reason(cause)}")


def _reason(error: MqttError) -> str:
    code = getattr(error, "rc", None)
    if code is None:
        return str(error)
    return "the connection broke" if number(code) == REFUSED else str(code)


def number(code: object) -> int:
    """A reason code as a number, whichever version it came in."""
    found = getattr(code, "value", code)
    return found if isinstance(found, int) else 0
