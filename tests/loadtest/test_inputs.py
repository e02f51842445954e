"""What a request holds: sizes within bounds, the batch within the limit, nothing optional."""

from typing import Any

import pytest

from loadtest.errors import OptionError
from loadtest.inputs import Tensor, check_dimensions, request_inputs
from loadtest.served_model import ServedModel, served_model
from loadtest.traffic import Bounds
from loadtest.traffic_options import parse_dimension

TEXT = {
    "name": "text",
    "inputs": [
        {"name": "ids", "datatype": "INT64", "shape": [-1, -1]},
        {"name": "mask", "datatype": "INT64", "shape": [-1, -1]},
    ],
}


def shapes(tensors: list[Tensor]) -> dict[str, tuple[int, ...]]:
    return {tensor.name: tensor.values.shape for tensor in tensors}


def text(**config: Any) -> ServedModel:
    return served_model(TEXT, {"max_batch_size": 8, **config})


def test_dynamic_axes_get_sizes_within_their_bounds_and_inputs_the_same() -> None:
    dimensions = dict(map(parse_dimension, ["ids=3:9", "mask=3:9"]))
    seen = set()
    for turn in range(40):
        found = shapes(request_inputs(text(), batch=2, seed=0, turn=turn, dimensions=dimensions))
        assert found["ids"] == found["mask"]
        assert found["ids"][0] == 2
        seen.add(found["ids"][1])
    assert seen == set(range(3, 10))


def test_an_axis_is_named_behind_its_input() -> None:
    dimensions = dict([parse_dimension("ids.0=5")])
    found = shapes(request_inputs(text(), batch=1, seed=0, dimensions=dimensions))
    assert found == {"ids": (1, 5), "mask": (1, 1)}


def test_sizes_that_the_server_warms_up_with_are_the_bounds() -> None:
    warmups = [{"inputs": {"ids": {"dims": [size]}, "mask": {"dims": [size]}}} for size in (4, 4)]
    found = shapes(request_inputs(text(model_warmup=warmups), batch=1, seed=0))
    assert found == {"ids": (1, 4), "mask": (1, 4)}


def test_optional_inputs_are_left_out() -> None:
    model = text(input=[{"name": "mask", "optional": True}])
    assert list(shapes(request_inputs(model, batch=1, seed=0))) == ["ids"]


def test_a_batch_past_the_models_is_refused_with_the_limit() -> None:
    with pytest.raises(OptionError, match="at most 8 samples a request, and the batch is 9"):
        request_inputs(text(), batch=9, seed=0)


def test_a_batch_for_a_model_without_one_is_refused() -> None:
    metadata = {"name": "m", "inputs": [{"name": "x", "datatype": "FP32", "shape": [2]}]}
    with pytest.raises(OptionError, match="no batch dimension"):
        request_inputs(served_model(metadata, {"max_batch_size": 0}), batch=2, seed=0)


@pytest.mark.parametrize("written", ["ids", "ids=", "ids=0", "ids=9:3", "ids=1:x", "=1:2"])
def test_sizes_that_cannot_be_read_are_refused(written: str) -> None:
    with pytest.raises(OptionError, match="INPUT=LOW:HIGH"):
        parse_dimension(written)


def test_a_size_for_an_axis_that_is_not_dynamic_is_refused() -> None:
    with pytest.raises(OptionError, match=r"no dynamic axis 'tokens'; dynamic are: ids, ids\.0"):
        check_dimensions([text()], {"tokens": Bounds(1, 2)})
