"""Serial ports: RS-232, RS-485 and USB adapters, opened for this program alone."""

from __future__ import annotations

import asyncio
import errno
import termios

import serialx

from fieldstation.errors import LinkError, LinkLost
from fieldstation.model import SerialLine
from fieldstation.transport.link import refusal
from fieldstation.transport.mailbox import Mailbox

ACCESS = "add the user to the group dialout (usermod -aG dialout NAME) and log in again"

NO_TTY = {errno.ENOTTY, errno.EISDIR, errno.EINVAL}


async def open_serial(path: str, line: SerialLine) -> SerialLink:
    """The port at `path`, set as `line` says and locked against a second opener.

    Raises LinkNotFound, LinkDenied, LinkBusy, or LinkError for anything that is no serial port.
    """
    mailbox = Mailbox(path)
    try:
        transport, _ = await serialx.create_serial_connection(
            asyncio.get_running_loop(),
            lambda: mailbox,
            path,
            line.baud,
            serialx.Parity(line.parity),
            serialx.StopBits(line.stop_bits),
            exclusive=True,
            byte_size=line.data_bits,
        )
    except (OSError, termios.error, serialx.SerialException, ValueError) as error:
        raise _open_error(path, error) from error
    return SerialLink(transport, mailbox, line)


class SerialLink:
    """An open serial port."""

    def __init__(
        self, transport: serialx.BaseSerialTransport, mailbox: Mailbox, line: SerialLine
    ) -> None:
        self._transport = transport
        self._mailbox = mailbox
        parity_bits = 0 if line.parity == "N" else 1
        self._byte_s = (1 + line.data_bits + parity_bits + line.stop_bits) / line.baud
        self.read = mailbox.read
        self.drain = mailbox.drain

    async def write(self, data: bytes) -> None:
        """Send `data` and wait the time it takes on the wire."""
        self._mailbox.check()
        try:
            self._transport.write(data)
        except (OSError, serialx.SerialException) as error:
            raise LinkLost(f"{self._mailbox.name} is gone ({error})") from error
        await asyncio.sleep(len(data) * self._byte_s)

    async def aclose(self) -> None:
        """Close at once; bytes that still wait to be sent are dropped."""
        self._transport.abort()
        await self._transport.wait_closed()


def _open_error(path: str, error: Exception) -> LinkError:
    # termios.error is no OSError, but carries the errno in the same place.
    number = error.args[0] if isinstance(error, OSError | termios.error) else None
    if number in NO_TTY:
        return LinkError(f"{path} is no serial port; name a tty such as /dev/ttyUSB0")
    return refusal(path, number, str(error), access=ACCESS)
