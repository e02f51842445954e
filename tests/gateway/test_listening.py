"""Listening sockets: one for each worker on one port, and none beside another program's."""

import socket

import pytest

from gateway.errors import ConfigurationError
from gateway.listening import open_listeners


def _close(slots: list[list[socket.socket]]) -> None:
    for listeners in slots:
        for listener in listeners:
            listener.close()


def test_workers_share_a_port_that_was_chosen_for_all() -> None:
    slots = open_listeners("127.0.0.1", 0, workers=3)
    try:
        ports = {listener.getsockname()[1] for listeners in slots for listener in listeners}
        assert len(slots) == 3
        assert len(ports) == 1
        for (listener,) in slots:
            listener.listen()
    finally:
        _close(slots)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_that_others_share_is_not_joined(workers: int) -> None:
    slots = open_listeners("127.0.0.1", 0, workers=2)
    try:
        for (listener,) in slots:
            listener.listen()
        port = slots[0][0].getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Cannot listen on 127.0.0.1:{port}"):
            open_listeners("127.0.0.1", port, workers)
    finally:
        _close(slots)


def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"Cannot listen on 203\.0\.113\.1:8080"):
        open_listeners("203.0.113.1", 8080)
