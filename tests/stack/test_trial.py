"""A trial that fails leaves nothing behind."""

from pathlib import Path

import pytest

from stack.errors import TrialError
from stack.trial import TrialStack
from tests.e2e.test_load_and_crashes import processes_of
from tests.stack.small_models import write_python_model
from tests.waiting import wait_until


@pytest.mark.parametrize("stop_timeout_s", [60, 0], ids=["ends when asked", "has to be killed"])
def test_a_start_that_takes_too_long_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_timeout_s: int
) -> None:
    write_python_model(
        tmp_path / "model_repository", "endless", initialize="import time; time.sleep(600)"
    )
    monkeypatch.setattr("stack.trial._STOP_TIMEOUT_S", stop_timeout_s)
    trial = TrialStack(tmp_path)

    def running() -> bool:
        # Until the model's own process is there: then there is most to end.
        return any("triton_python_backend_stub" in line for line in processes_of(tmp_path))

    class Impatient:
        """A clock by which the time is up as soon as there is something to end."""

        def monotonic(self) -> float:
            return 1e9 if running() else 0.0

        def sleep(self, seconds: float) -> None:
            wait_until(running, 60)

    monkeypatch.setattr("stack.trial.time", Impatient())
    with pytest.raises(TrialError, match="did not become ready"):
        trial.start()
    assert trial.exited
    assert processes_of(tmp_path) == []
