"""Both zoo models compiled once for the whole run, into a repository that tests only read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporters.candidate import Wanted
from exporters.flow import Exported, export
from exporters.stages import Progress
from exporters.zoo import ZOO


@dataclass(frozen=True)
class ExportedZoo:
    repository: Path
    published: Mapping[str, Exported]
    reported: Mapping[str, list[Progress]]


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> ExportedZoo:
    repository = tmp_path_factory.mktemp("zoo") / "models"
    reported: dict[str, list[Progress]] = {name: [] for name in ZOO}
    published = {
        name: export(
            entry.spec(),
            Wanted(format=entry.format),
            repository=repository,
            report=reported[name].append,
        )
        for name, entry in ZOO.items()
    }
    return ExportedZoo(repository, published, reported)
