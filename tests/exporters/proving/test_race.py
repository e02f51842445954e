from pathlib import Path

import numpy as np
import pytest

from exporters.candidate import Wanted
from exporters.errors import ProofError
from exporters.flow import export
from exporters.proving.race import Lap, Runner, race
from exporters.spec import TensorSpec
from tests.exporters.models import WIDTH, Doubler, spec_of

SAMPLE = {"x": np.ones(WIDTH, np.float32)}


def published(directory: Path, format: str) -> Runner:
    wanted = Wanted(format=format)
    exported = export(spec_of(Doubler), wanted, repository=directory / format / "models")
    assert exported.path is not None
    return Runner(format, format, exported.path / exported.manifest.artefact.path)


def test_each_runner_is_timed_at_each_batch_size(tmp_path: Path) -> None:
    runners = [published(tmp_path, format) for format in ("onnx", "torchscript")]
    laps = race(spec_of(Doubler), runners, [SAMPLE], tmp_path)
    assert {name: sorted(lap.latency_us) for name, lap in laps.items()} == {
        "onnx": ["1", "4"],
        "torchscript": ["1", "4"],
    }
    assert all(time > 0 for lap in laps.values() for time in lap.latency_us.values())


def test_an_artefact_that_cannot_be_timed_is_named(tmp_path: Path) -> None:
    runner = published(tmp_path, "onnx")
    wider = TensorSpec(name="x", dtype="float32", shape=(WIDTH + 1,))
    spec = spec_of(Doubler, inputs=(wider,))
    with pytest.raises(ProofError, match="onnx of 'small' fails while it is timed"):
        race(spec, [runner], [{"x": np.ones(WIDTH + 1, np.float32)}], tmp_path)


def test_each_batch_size_weighs_the_same() -> None:
    assert Lap({"1": 10.0, "64": 1000.0}, spread=0.0).typical_us == pytest.approx(100.0)
