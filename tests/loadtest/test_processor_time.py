"""Whose processor time counts as a server's."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from loadtest.processor_time import Server, look_at_server, machine_cpu_s
from tests.waiting import wait_until

# A server that does nothing, and its child that works.
_PROGRAM = """
import os, socket, sys
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    if os.fork() == 0:
        listener.close()
        while os.getppid() != 1:
            sum(range(10_000))
        sys.exit()
    sys.stdin.read()
"""


@contextmanager
def a_server() -> Iterator[tuple[int, str]]:
    """Its process id and its URL."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.pid, f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def found(url: str) -> Server:
    server = look_at_server(url)
    assert server is not None
    return server


def test_the_work_of_children_is_the_servers() -> None:
    with a_server() as (pid, url):
        first = found(url)
        assert {process for process, _ in first.processes} == {pid}
        assert first.listeners == 1
        wait_until(lambda: found(url).cpu_s >= first.cpu_s + 0.2, timeout_s=30)


def test_a_server_that_was_started_anew_is_another() -> None:
    with a_server() as (_, url):
        first = found(url)
    with a_server() as (_, url):
        assert not first.processes & found(url).processes


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "http://192.0.2.1:8000",
        "no.such.host.invalid:8001",
        "http://127.0.0.1",
    ],
)
def test_what_is_not_here_is_not_seen(url: str) -> None:
    assert look_at_server(url) is None


def test_the_cores_of_this_machine_work_no_longer_than_they_have() -> None:
    busy_s, had_s = machine_cpu_s()
    assert 0 < busy_s <= had_s
