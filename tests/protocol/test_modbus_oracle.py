"""Our Modbus and pymodbus understand each other, each as client and as server, RTU and TCP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu.device import ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from fieldstation.errors import InstrumentRefused
from fieldstation.model import Outgoing, ask
from fieldstation.protocol.modbus import (
    WIRES,
    Client,
    Identification,
    ReadBits,
    ReadIdentity,
    ReadWords,
    Request,
    Server,
    WriteBit,
    WriteBits,
    WriteWord,
    WriteWords,
    refuse,
)
from fieldstation.transport.address import TcpPort
from fieldstation.transport.converse import Runner
from fieldstation.transport.host import tcp_host
from fieldstation.transport.tcp import open_tcp

FRAMERS = {"rtu": FramerType.RTU, "tcp": FramerType.SOCKET}
WORDS = 100
BITS = 64
IDENTITY = {0: "Example Corp.", 1: "UNIT-60", 2: "v01.02.03"}

wires = pytest.mark.parametrize("name", sorted(WIRES))


class Memory:
    """A unit with words 0 to 99 and coils 0 to 63, served by our end."""

    def __init__(self, name: str) -> None:
        self.words = list(range(1000, 1000 + WORDS))
        self.bits = [at % 3 == 0 for at in range(BITS)]
        self._server = Server(WIRES[name], 5, self._answer)

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        return [Outgoing(reply) for reply in self._server.feed(data)]

    def _answer(self, request: Request[Any]) -> Any:
        match request:
            case ReadBits(start, count):
                return tuple(_cut(self.bits, start, count))
            case ReadWords(start, count):
                return tuple(_cut(self.words, start, count))
            case WriteBit(address, on):
                _put(self.bits, address, (on,))
            case WriteBits(start, bits):
                _put(self.bits, start, bits)
            case WriteWord(address, value):
                _put(self.words, address, (value,))
            case WriteWords(start, values):
                _put(self.words, start, values)
            case ReadIdentity(level=4, first=first):
                return Identification({first: IDENTITY[first]})
            case ReadIdentity():
                return Identification(IDENTITY)
        return None


def _cut(memory: list[Any], start: int, count: int) -> list[Any]:
    if start + count > len(memory):
        raise refuse(2)
    return memory[start : start + count]


def _put(memory: list[Any], start: int, values: Sequence[Any]) -> None:
    _cut(memory, start, len(values))
    memory[start : start + len(values)] = values


@asynccontextmanager
async def pymodbus_server(name: str) -> AsyncIterator[TcpPort]:
    described = ModbusDeviceIdentification(info=IDENTITY)
    memory = SimDevice(
        id=5,
        simdata=(
            [SimData(0, values=[at % 3 == 0 for at in range(BITS)], datatype=DataType.BITS)],
            [SimData(0, values=[at % 5 == 0 for at in range(BITS)], datatype=DataType.BITS)],
            [SimData(0, values=list(range(1000, 1000 + WORDS)), datatype=DataType.REGISTERS)],
            [SimData(0, values=list(range(2000, 2000 + WORDS)), datatype=DataType.REGISTERS)],
        ),
        identity=described,
    )
    server = ModbusTcpServer(
        memory, framer=FRAMERS[name], identity=described, address=("127.0.0.1", 0)
    )
    await server.listen()
    try:
        yield TcpPort(*server.transport.sockets[0].getsockname()[:2])
    finally:
        await server.shutdown()


@asynccontextmanager
async def our_client(name: str) -> AsyncIterator[Any]:
    async with pymodbus_server(name) as port:
        link = await open_tcp(port)
        client, runner = Client(WIRES[name], 5, timeout_s=5), Runner(link, silence_s=0.01)
        try:
            yield lambda request: runner.converse(ask(client.exchange(request)))
        finally:
            await link.aclose()


@asynccontextmanager
async def their_client(name: str) -> AsyncIterator[tuple[AsyncModbusTcpClient, Memory]]:
    memory = Memory(name)
    async with tcp_host(memory, lambda: 0.0) as port:
        client = AsyncModbusTcpClient(port.host, port=port.port, framer=FRAMERS[name], timeout=5)
        assert await client.connect()
        try:
            yield client, memory
        finally:
            client.close()


@wires
async def test_our_client_reads_what_their_server_holds(name: str) -> None:
    async with our_client(name) as send:
        assert await send(ReadWords(3, 90, function=3)) == tuple(range(1003, 1093))
        assert await send(ReadWords(3, 2)) == (2003, 2004)
        assert await send(ReadBits(1, 19)) == tuple(at % 3 == 0 for at in range(1, 20))
        assert await send(ReadBits(0, 8, function=2)) == tuple(at % 5 == 0 for at in range(8))


@wires
async def test_what_our_client_writes_their_server_keeps(name: str) -> None:
    async with our_client(name) as send:
        await send(WriteWord(0, 0xFFFF))
        await send(WriteWords(10, (1, 2, 0xABCD)))
        await send(WriteBit(1, True))
        await send(WriteBits(20, (True, True, False, True, True, True, False, True, True)))
        assert await send(ReadWords(0, 1, function=3)) == (0xFFFF,)
        assert await send(ReadWords(10, 3, function=3)) == (1, 2, 0xABCD)
        assert await send(ReadBits(0, 3)) == (True, True, False)
        assert await send(ReadBits(20, 9)) == (
            True, True, False, True, True, True, False, True, True,
        )  # fmt: skip


@wires
async def test_our_client_hears_their_refusal_and_goes_on(name: str) -> None:
    async with our_client(name) as send:
        with pytest.raises(InstrumentRefused) as no:
            await send(ReadWords(WORDS - 1, 5))
        assert no.value.code == "illegal_data_address"
        assert await send(ReadWords(0, 1)) == (2000,)


@wires
async def test_our_client_reads_their_identification(name: str) -> None:
    async with our_client(name) as send:
        assert (await send(ReadIdentity())).objects == IDENTITY
        assert (await send(ReadIdentity(level=4, first=1))).objects == {1: IDENTITY[1]}


@wires
async def test_their_client_reads_what_our_server_holds(name: str) -> None:
    async with their_client(name) as (client, memory):
        for read in (client.read_holding_registers, client.read_input_registers):
            reply = await read(3, count=90, device_id=5)
            assert reply.registers == memory.words[3:93]
        for look in (client.read_coils, client.read_discrete_inputs):
            bits = (await look(1, count=19, device_id=5)).bits
            assert bits[:19] == memory.bits[1:20]


@wires
async def test_what_their_client_writes_our_server_keeps(name: str) -> None:
    async with their_client(name) as (client, memory):
        assert not (await client.write_register(0, 0xFFFF, device_id=5)).isError()
        assert not (await client.write_registers(10, [1, 2, 3], device_id=5)).isError()
        assert not (await client.write_coil(1, True, device_id=5)).isError()
        assert not (await client.write_coils(20, [True] * 9, device_id=5)).isError()
        assert [memory.words[0], *memory.words[10:13]] == [0xFFFF, 1, 2, 3]
        assert memory.bits[1] is True
        assert memory.bits[20:29] == [True] * 9


@wires
async def test_their_client_understands_our_refusal(name: str) -> None:
    async with their_client(name) as (client, _):
        reply = await client.read_input_registers(WORDS, count=1, device_id=5)
        assert reply.isError()
        assert reply.exception_code == 2
        assert (await client.read_fifo_queue(address=0, device_id=5)).exception_code == 1


@wires
async def test_their_client_reads_our_identification(name: str) -> None:
    async with their_client(name) as (client, _):
        reply = await client.read_device_information(read_code=1, device_id=5)
        assert {number: text.decode() for number, text in reply.information.items()} == IDENTITY
        one = await client.read_device_information(read_code=4, object_id=1, device_id=5)
        assert one.information == {1: b"UNIT-60"}
