"""What a worker gets from the process that starts it, as its one argument."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

# What a worker says once it answers clients.
READY = b"ready"


@dataclass(frozen=True, slots=True)
class Inheritance:
    """Numbers of open files, all of them sockets."""

    listeners: Sequence[int]
    # The worker says READY on it, and closes it when it begins to end; when the other end is shut,
    # the worker is to retire.
    control: int

    @property
    def files(self) -> list[int]:
        """Every open file that the worker needs."""
        return [*self.listeners, self.control]

    def to_argument(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_argument(cls, argument: str) -> "Inheritance":
        return msgspec.json.decode(argument, type=cls)

    def open_listeners(self) -> list[socket.socket]:
        return [socket.socket(fileno=number) for number in self.listeners]

    def open_control(self) -> socket.socket:
        return socket.socket(fileno=self.control)
