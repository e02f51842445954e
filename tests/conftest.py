"""Fixtures for the whole suite; a real Triton is started once, and only if a test asks for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.running_triton import RunningTriton, running_triton


@pytest.fixture(scope="session", autouse=True)
def _short_timing() -> Iterator[None]:
    """A second less for each proof in this process; that of a command in its own times in full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exporters.proving.proof_job.TIMED_S", 0.01)
        yield


@pytest.fixture(scope="session")
def embedded_triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTriton]:
    """One embedded Triton that serves the small models of tests/stack/small_models.py."""
    from tests.stack.small_models import write_small_models

    folder: Path = tmp_path_factory.mktemp("embedded")
    write_small_models(folder / "models")
    with running_triton(folder / "models", folder / "state") as triton:
        yield triton
