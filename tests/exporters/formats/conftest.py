"""Models compiled once for the whole run, which tests only read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from exporters.capturing.capture import Captured, capture
from exporters.formats import Compiled
from exporters.spec import ModelSpec
from tests.exporters.format_columns import COLUMNS
from tests.exporters.format_models import MODELS
from tests.exporters.formats.compiling import compile_model


@dataclass(frozen=True)
class Built:
    spec: ModelSpec
    captured: Captured
    compiled: Compiled
    path: Path


# Takes the name of a model and a column of the table.
Build = Callable[[str, str], Built]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    captured = cache(lambda name: capture(MODELS[name]))

    @cache
    def build(name: str, column: str) -> Built:
        format, way, precision = COLUMNS[column]
        spec = MODELS[name].model_copy(update={"torchscript": way})
        directory = tmp_path_factory.mktemp(name)
        compiled, path = compile_model(spec, format, directory, precision)
        return Built(spec, captured(name), compiled, path)

    return build
