from pathlib import Path

import numpy as np
import pytest

from exporters.artefacts.inputs import sample_source
from exporters.declaring.sample_files import SampleFiles
from exporters.errors import SpecError
from exporters.spec import Axis, Interface, TensorSpec

LONG, WIDE = Axis(name="long", min=2, max=40), Axis(name="wide", min=1, max=4)


def interface(*tensors: TensorSpec) -> Interface:
    return Interface(name="net", inputs=tensors, max_batch_size=4)


def tensor(dtype: str, *shape: int | Axis, name: str = "x") -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape)


def test_a_file_of_samples_is_read_for_the_inputs(tmp_path: Path) -> None:
    x = tensor("int64", 3)
    source = sample_source(interface(x), tmp_path / "s.npz", {}, "conch add")
    assert source == SampleFiles(tmp_path / "s.npz", (x,))


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [("float32", -1, 1), ("uint8", 0, 255), ("bool", 0, 1)]
)
def test_random_numbers_keep_to_what_the_dtype_is_used_for(dtype: str, low: int, high: int) -> None:
    samples = sample_source(interface(tensor(dtype, 1000)), None, {}, "conch add")
    assert isinstance(samples, tuple)
    values = np.stack([sample["x"] for sample in samples]).astype(float)
    assert values.shape == (4, 1000)
    assert low <= values.min() < low + 0.1 * (high - low)
    assert high >= values.max() > high - 0.1 * (high - low)


def test_lengths_of_axes_are_different_and_within_bounds() -> None:
    samples = sample_source(
        interface(tensor("float32", LONG, WIDE), tensor("float32", LONG, name="y")), None, {}, ""
    )
    assert isinstance(samples, tuple)
    assert (samples[0]["x"].shape, samples[0]["y"].shape) == ((8, 4), (8,))


def test_a_range_is_kept_to() -> None:
    samples = sample_source(interface(tensor("int64", 1000)), None, {"x": (3, 5)}, "conch add")
    assert isinstance(samples, tuple)
    assert set(samples[0]["x"]) == {3, 4, 5}


def test_whole_numbers_ask_for_their_range_with_the_command_to_type() -> None:
    with pytest.raises(SpecError, match=r"conch add m\.onnx --name net --range x=0\.\.30521$"):
        sample_source(interface(tensor("int64", 3)), None, {}, "conch add m.onnx --name net")


def test_a_range_of_no_input_is_refused() -> None:
    with pytest.raises(SpecError, match="--range names 'y', which is no input; it has x"):
        sample_source(interface(tensor("int64", 3)), None, {"y": (0, 1)}, "conch add")
