"""One Redis for the tests of quotas that leave it as it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.redis_server import RedisServer, running_redis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    folder: Path = tmp_path_factory.mktemp("redis")
    with running_redis(folder) as server:
        yield server
