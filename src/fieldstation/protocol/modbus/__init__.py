"""Modbus, both ends, over RTU and TCP. Pure: requests and replies are bytes, whoever moves them.

`reads` and `writes` hold one class for each function with both directions, `wire` the frames
around them, `ends` the asking and the answering end.
"""

from fieldstation.protocol.modbus.arriving import decode_request
from fieldstation.protocol.modbus.ends import Client, Server
from fieldstation.protocol.modbus.reads import Identification, ReadBits, ReadIdentity, ReadWords
from fieldstation.protocol.modbus.refusal import REFUSALS, encode_refusal, refuse
from fieldstation.protocol.modbus.request import Request
from fieldstation.protocol.modbus.wire import WIRES, Rtu, Tcp, Wire
from fieldstation.protocol.modbus.writes import WriteBit, WriteBits, WriteWord, WriteWords

__all__ = [
    "REFUSALS", "WIRES", "Client", "Identification", "ReadBits", "ReadIdentity", "ReadWords",
    "Request", "Rtu", "Server", "Tcp", "Wire", "WriteBit", "WriteBits", "WriteWord", "WriteWords",
    "decode_request", "encode_refusal", "refuse",
]  # fmt: skip
