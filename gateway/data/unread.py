"""Whether the kernel holds bytes of a peer that the event loop has not read yet."""

import asyncio
import fcntl
import struct
import termios


def has_unread(transport: asyncio.BaseTransport) -> bool:
    """Closing a connection on unread bytes resets it, whatever was sent to the peer before."""
    number = transport.get_extra_info("socket").fileno()
    (size_bytes,) = struct.unpack("i", fcntl.ioctl(number, termios.FIONREAD, bytes(4)))
    return bool(size_bytes)
