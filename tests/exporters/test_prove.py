from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.jit._trace import TracerWarning

from exporters.arrays import Arrays
from exporters.capture import capture
from exporters.errors import ProofError, ToleranceError
from exporters.flow import export
from exporters.prove import prove
from exporters.spec import TensorSpec, Tolerance
from tests.exporters.models import WIDTH, Branching, Doubler, spec_of


def off_by(error: float) -> Callable[[Arrays], Arrays]:
    return lambda inputs: {"y": inputs["x"] * 2 + np.float32(error)}


def test_a_row_for_every_batch_and_kind_of_input() -> None:
    spec = spec_of(Doubler, max_batch_size=8)
    rows = prove(spec, capture(spec), off_by(0))
    assert [(row.batch, row.data) for row in rows] == [
        (size, data) for size in (1, 2, 3, 8) for data in ("real", "random")
    ]


def test_the_errors_that_were_measured_are_recorded() -> None:
    tolerant = TensorSpec(name="y", dtype="float32", shape=(WIDTH,), tolerance=Tolerance(1, 0))
    spec = spec_of(Doubler, outputs=(tolerant,))
    row = prove(spec, capture(spec), off_by(0.5))[0]
    # The sample is 0, 1, 2, 3, so the expected values are 0, 2, 4, 6: those above 1 count.
    assert (row.max_abs_error, row.max_rel_error) == (0.5, 0.25)
    assert (row.absolute_tolerance, row.relative_tolerance) == (1, 0)


def test_an_error_beyond_the_tolerance_names_output_batch_error_and_limit() -> None:
    spec = spec_of(Doubler)
    with pytest.raises(ToleranceError, match=r"'y' is off by 0\.5 at batch 1 on real") as caught:
        prove(spec, capture(spec), off_by(0.5))
    assert (caught.value.output, caught.value.batch, caught.value.error) == ("y", 1, 0.5)
    assert caught.value.limit == pytest.approx(1e-4)


def test_a_wrong_value_in_one_row_of_the_largest_batch_is_seen() -> None:
    def wrong_in_the_last_row(inputs: Arrays) -> Arrays:
        y = inputs["x"] * 2
        y[3:] += 1
        return {"y": y}

    spec = spec_of(Doubler)
    with pytest.raises(ToleranceError, match="at batch 4"):
        prove(spec, capture(spec), wrong_in_the_last_row)


def test_nan_from_the_artefact_alone_is_refused() -> None:
    spec = spec_of(Doubler)
    with pytest.raises(ProofError, match="4 values of 'y' that are NaN or infinite at batch 1"):
        prove(spec, capture(spec), off_by(float("nan")))


def test_a_branch_that_tracing_lost_is_refused(tmp_path: Path) -> None:
    both_ways = (
        {"x": np.ones(WIDTH, np.float32)},
        {"x": np.ones(WIDTH, np.float32)},
        {"x": np.full(WIDTH, -9, np.float32)},
    )
    # With batches it would be refused before: its branch mixes the items.
    spec = spec_of(Branching, samples=both_ways, max_batch_size=0)
    with pytest.warns(TracerWarning), pytest.raises(ToleranceError):
        export(spec, format="torchscript", repository=tmp_path / "models")
    assert not (tmp_path / "models" / "small").exists()


def test_a_batch_that_tracing_fixed_is_refused(tmp_path: Path) -> None:
    class FixedByItsExample(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            rows = int(x.shape[0])
            return x.reshape([rows, WIDTH]) * 2

    spec = spec_of(FixedByItsExample)
    with pytest.warns(TracerWarning), pytest.raises(ProofError, match="at batch 1"):
        export(spec, format="torchscript", repository=tmp_path / "models")
