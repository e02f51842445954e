"""One stack as compose would run it, and one Prometheus that reads it, for all tests here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.running_compose import RunningCompose, running_compose


@pytest.fixture(scope="session")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCompose]:
    """The services of docker-compose.yml as processes; tests leave them as they are."""
    folder: Path = tmp_path_factory.mktemp("compose")
    with running_compose(folder) as running:
        yield running
