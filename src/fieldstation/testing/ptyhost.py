"""Ports that tests swap."""

from __future__ import annotations

from fieldstation.transport.plug import PtyPort


async def swap(one: PtyPort, other: PtyPort) -> None:
    """Both are unplugged and come back under each other's number."""
    numbers = [_number(one), _number(other)]
    await one.unplug()
    await other.unplug()
    await one.plug(numbers[1])
    await other.plug(numbers[0])


def _number(port: PtyPort) -> int:
    if port.device is None:
        raise ValueError("only ports that are plugged in can be swapped")
    return int(port.device.name.removeprefix("ttyUSB"))
