"""One Redis for the tests of quotas that leave it as it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.quotas import redis_store
from tests.gateway.redis_server import RedisServer, running_redis


@pytest.fixture(autouse=True)
def patient_redis_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests is no Redis that is slow."""
    monkeypatch.setattr(redis_store, "TIMEOUT_S", 20.0)
    monkeypatch.setattr(redis_store, "LONGEST_S", 40.0)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    folder: Path = tmp_path_factory.mktemp("redis")
    with running_redis(folder) as server:
        yield server
