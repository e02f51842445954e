"""One running stack for the tests that only call it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running_stack import RunningStack, copy_repository


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """`conch up` on a model repository as a fresh clone has it; shared, so tests leave it as is."""
    running = RunningStack(tmp_path_factory.mktemp("stack"))
    copy_repository(running.folder / "model_repository")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def key(stack: RunningStack) -> str:
    """A key without a limit."""
    return stack.new_key()


@pytest.fixture
def own_stack(stack: RunningStack, tmp_path: Path) -> Iterator[RunningStack]:
    """A stack of the test's own, with the models the shared one compiled; the test may break it."""
    running = RunningStack(tmp_path)
    (tmp_path / "model_repository").symlink_to(stack.folder / "model_repository")
    running.start()
    yield running
    if not running.exited:
        running.stop()
