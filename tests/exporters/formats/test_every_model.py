"""Six kinds of models in every format, at every batch and length. AOTInductor has its own file."""

import pytest

from exporters.formats import load_format
from tests.exporters.format_columns import COLUMNS, largest_error
from tests.exporters.format_models import MODELS
from tests.exporters.formats.conftest import Build


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("column", [column for column in COLUMNS if column != "aoti"])
def test_the_file_has_the_models_answers(build: Build, name: str, column: str) -> None:
    built = build(name, column)
    runner = load_format(COLUMNS[column][0]).load(built.path, built.spec.interface)
    worst = largest_error(built.spec, built.captured, runner, built.compiled.precision)
    assert worst < (0.5 if column == "onnx int8" else 1e-5)
