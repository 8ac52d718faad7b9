"""MQTT: messages from a broker, and a twin that publishes to one.

1. A message is acknowledged only by `Feed.settle`, when what it brought is safe; a broker gives
   again what was not. `test_a_message_that_was_not_settled_comes_again`
2. The broker keeps the session while nobody is connected: the client id stays the same, and
   nothing is started clean. `test_what_is_published_while_nobody_listens_is_kept`
3. Memory is bounded: MOST_BYTES to a message and MOST_UNSETTLED messages, both told to the broker,
   and MOST_UNREAD messages that the publisher wants no acknowledgement for; then those are dropped
   and counted. A broker of MQTT 3.1.1 cannot be told; with such a one its own limits hold.
   `test_a_message_that_is_too_long_never_comes`
4. Nothing is repeated here: whatever breaks is raised, and who wants to connect again waits first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiomqtt
from aiomqtt import MqttError

from fieldstation.errors import LinkDenied, LinkError
from fieldstation.model import Message, MqttLine, Speaker
from fieldstation.transport.address import MqttPort
from fieldstation.transport.broker import (
    REFUSED,
    Inbox,
    connected,
    heeding,
    leave,
    lost,
    number,
)

log = logging.getLogger(__name__)

AGAIN_S = 2.0
PLAIN = MqttLine()


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message, and what its acknowledgement needs."""

    message: Message
    packet: int
    qos: int


class Feed:
    """An open session at a broker. One task reads."""

    def __init__(self, client: aiomqtt.Client, inbox: Inbox, port: MqttPort) -> None:
        self._client = client
        self._inbox = inbox
        self._port = port

    @property
    def dropped(self) -> int:
        """Messages without acknowledgement that found no room."""
        return self._inbox.dropped

    async def read(self) -> Arrival:
        """The next message; waits for it. Raises LinkLost. Do not cancel a read and go on reading:
        its message may be lost until the next connection.
        """
        try:
            found = await anext(self._client.messages)
        except MqttError as error:
            raise lost(self._port, error) from error
        message = Message(str(found.topic), found.payload, found.retain)
        return Arrival(message, found.mid, found.qos)

    def settle(self, arrivals: Iterable[Arrival]) -> None:
        """Acknowledge messages. When the connection is gone they come again on the next one."""
        for arrival in arrivals:
            self._client._client.ack(arrival.packet, arrival.qos)


@asynccontextmanager
async def open_feed(
    port: MqttPort, line: MqttLine, topics: Sequence[str], *, password: str = "", keep: bool = True
) -> AsyncIterator[Feed]:
    """A session that hears `topics` (filters, subscribed in this order). `line.client_id` must be
    given and belong to this feed alone. `keep` False: the broker forgets it at the end.

    Raises LinkNotFound, LinkDenied, LinkLost, or LinkError when the broker does not answer.
    """
    inbox = Inbox()
    client = await connected(port, line, password, inbox, keep=keep)
    try:
        await _subscribe(client, port, topics)
        yield Feed(client, inbox, port)
    finally:
        await leave(client)


async def publish(
    speaker: Speaker, wall: Callable[[], float], port: MqttPort, *, line: MqttLine = PLAIN,
    password: str = "", speed: float = 1.0,
) -> None:  # fmt: skip
    """Let a twin publish until cancelled, with QoS 1. `wall` gives the UTC time in seconds since
    1970; `speed` is how much faster than real that runs. A broker that is away is waited for; what
    the twin said meanwhile is lost, as its queue allows.
    """
    while True:
        try:
            client = await connected(port, line, password, Inbox(), keep=False)
            try:
                while True:
                    for said in speaker.speak(wall()):
                        await heeding(client.publish(said.topic, said.payload, 1, said.retained))
                    await asyncio.sleep(speaker.speaks_every_s / speed)
            finally:
                await leave(client)
        except (LinkError, MqttError) as error:
            log.info("the twin has no broker", extra={"reason": str(error)})
            await asyncio.sleep(AGAIN_S)


async def _subscribe(client: aiomqtt.Client, port: MqttPort, topics: Sequence[str]) -> None:
    try:
        codes = await heeding(client.subscribe([(topic, 1) for topic in topics]))
    except MqttError as error:
        raise lost(port, error) from error
    for topic, code in zip(topics, codes, strict=True):
        if number(code) >= REFUSED:
            raise LinkDenied(
                f"{port} lets nobody hear {topic} who comes like this; check user, password and"
                " the broker's access list"
            )
