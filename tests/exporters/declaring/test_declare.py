from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from exporters.declaring.declare import complete, declaration_text
from exporters.errors import SpecError
from exporters.spec import ANY, Axis, ModelSpec, TensorSpec

LENGTH = Axis(name="length", min=1, max=16)
IDS = TensorSpec(name="ids", dtype="int64", shape=(LENGTH,))


class TwoIn(nn.Module):
    def forward(self, left: Tensor, right: Tensor, scale: float = 2.0) -> Any:
        return left + right.sum(dim=1, keepdim=True) * scale


class Fn(nn.Module):
    """Returns what `compute` makes of `ids`."""

    def __init__(self, compute: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.compute = compute

    def forward(self, ids: Tensor) -> Any:
        return self.compute(ids)


def left_out(build: Callable[[], nn.Module], *samples: dict[str, Any], **fields: Any) -> ModelSpec:
    given = {"max_batch_size": 4, **fields}
    return ModelSpec(name="net", build=build, samples=samples, **given)


def of(compute: Callable[[Tensor], Any], **fields: Any) -> ModelSpec:
    given = {"inputs": (IDS,), **fields}
    return left_out(lambda: Fn(compute), {"ids": np.arange(5)}, **given)


def outputs(spec: ModelSpec) -> dict[str, tuple[str, tuple[int | Axis, ...]]]:
    return {tensor.name: (tensor.dtype, tensor.shape) for tensor in complete(spec).outputs}


def sample(**shapes: tuple[int, ...]) -> dict[str, Any]:
    return {name: np.ones(shape, "float32") for name, shape in shapes.items()}


def test_a_complete_spec_is_not_built() -> None:
    spec = of(lambda ids: ids, outputs=(TensorSpec(name="y", dtype="int64", shape=(LENGTH,)),))
    assert complete(spec) is spec


def test_inputs_are_read_in_the_order_of_forward() -> None:
    spec = complete(left_out(TwoIn, sample(right=(2,), left=(3,))))
    assert spec.inputs == (
        TensorSpec(name="left", dtype="float32", shape=(3,)),
        TensorSpec(name="right", dtype="float32", shape=(2,)),
    )
    assert spec.outputs == (TensorSpec(name="output", dtype="float32", shape=(3,)),)


def test_without_batching_the_whole_shape_is_read() -> None:
    spec = left_out(TwoIn, sample(left=(6, 3), right=(6, 2)), max_batch_size=0)
    assert complete(spec).outputs[0].shape == (6, 3)


@pytest.mark.parametrize(
    ("returned", "names"),
    [
        (lambda ids: (ids, ids), ["output_0", "output_1"]),
        (lambda ids: {"logits": ids, "aux": ids}, ["logits", "aux"]),
        (lambda ids: namedtuple("Out", "boxes scores")(ids, ids), ["boxes", "scores"]),
    ],
)
def test_outputs_take_the_names_they_come_with(
    returned: Callable[[Tensor], Any], names: list[str]
) -> None:
    assert list(outputs(of(returned))) == names


def test_a_dimension_that_follows_an_axis_is_that_axis() -> None:
    found = outputs(
        of(lambda ids: {"same": ids * 1.5, "one": ids.sum(1), "twice": ids.repeat(1, 2)})
    )
    assert found == {
        "same": ("float32", (LENGTH,)),
        "one": ("int64", ()),
        "twice": ("int64", (ANY,)),
    }


def test_a_dimension_that_follows_an_axis_in_steps_is_any_length() -> None:
    # The lengths 5 and 6 both give two.
    assert outputs(of(lambda ids: ids[:, ::4])) == {"output": ("int64", (ANY,))}


def test_a_batch_that_is_not_first_is_located() -> None:
    with pytest.raises(SpecError, match="Its batch is dimension 1: return it with that one first"):
        complete(of(lambda ids: ids.T))


def test_an_output_without_a_batch_is_refused() -> None:
    with pytest.raises(SpecError, match=r"'output' as \[5\] at batch 2 and \[5\] at batch 1"):
        complete(of(lambda ids: ids.sum(0)))


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda ids: {"text": "words"}, r"returns dict \(text: str\); only a tensor"),
        (lambda ids: [], "returns list; only a tensor"),
        (lambda ids: ids.bfloat16(), "returns 'output' as bfloat16, which Conch does not serve"),
        (lambda ids: ids.no_such(), r"fails when it is called with ids \[2, 5\]: AttributeError"),
    ],
)
def test_what_cannot_be_served_is_refused(compute: Callable[[Tensor], Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        complete(of(compute))


def test_names_that_are_not_those_of_forward_are_refused_with_both() -> None:
    with pytest.raises(
        SpecError, match=r"have the inputs x, rihgt, but `forward` takes left, right"
    ):
        complete(left_out(TwoIn, sample(x=(3,), rihgt=(2,))))


def test_an_argument_left_out_before_another_is_refused() -> None:
    class Optional(nn.Module):
        def forward(self, x: Tensor, mask: Tensor | None = None, bias: Any = None) -> Tensor:
            return x + bias

    with pytest.raises(SpecError, match="leave out 'mask' and give bias, which comes after"):
        complete(left_out(Optional, sample(x=(3,), bias=(3,))))


def test_samples_of_different_shapes_ask_for_an_axis_and_write_it() -> None:
    samples = [sample(left=(3,), right=(length,)) for length in (5, 9, 2)]
    with pytest.raises(SpecError) as refused:
        complete(left_out(TwoIn, *samples))
    assert 'shape=(Axis(name="length", min=2, max=9),)' in str(refused.value)
    assert 'name="left", dtype="float32", shape=(3,)' in str(refused.value)


def test_dimensions_that_change_alike_share_an_axis() -> None:
    samples = [sample(left=(n, m), right=(n,)) for n, m in ((5, 2), (9, 3))]
    with pytest.raises(SpecError) as refused:
        complete(left_out(TwoIn, *samples))
    assert str(refused.value).count('Axis(name="length", min=5, max=9)') == 2
    assert 'Axis(name="length_2", min=2, max=3)' in str(refused.value)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "no samples to read them from"),
        ([{"ids": np.ones(3)}, {"ids": np.ones(3, "int64")}], "'ids' as float64, int64"),
        ([{"ids": np.ones(3)}, {"ids": np.ones((3, 1))}], "with the shapes"),
        ([{"ids": np.array(["word"])}], "'ids' as str"),
        ([{"ids": np.ones(3)}, {"id": np.ones(3)}], "do not all have the same inputs"),
    ],
)
def test_samples_that_do_not_agree_are_refused(samples: list[Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        complete(left_out(lambda: Fn(lambda ids: ids), *samples))


def test_what_was_read_is_shown_as_it_would_be_declared() -> None:
    text = declaration_text(complete(of(lambda ids: ids * 1.5)))
    assert text == (
        "'net' as read from its samples:\n\n"
        "inputs=(\n"
        '    TensorSpec(name="ids", dtype="int64", '
        'shape=(Axis(name="length", min=1, max=16),)),\n'
        "),\n"
        "outputs=(\n"
        '    TensorSpec(name="output", dtype="float32", '
        'shape=(Axis(name="length", min=1, max=16),)),\n'
        "),\n"
    )


def test_an_argument_that_is_not_declared_is_asked_for() -> None:
    x = TensorSpec(name="left", dtype="float32", shape=(3,))
    with pytest.raises(SpecError, match="its `forward` needs right besides"):
        complete(left_out(TwoIn, sample(left=(3,)), inputs=(x,)))


def test_more_inputs_than_arguments_are_refused() -> None:
    more = TensorSpec(name="more", dtype="int64", shape=(LENGTH,))
    spec = left_out(
        lambda: Fn(lambda ids: ids),
        {"ids": np.arange(5), "more": np.arange(5)},
        inputs=(IDS, more),
    )
    with pytest.raises(SpecError, match="declares 2 inputs, and its `forward` takes ids"):
        complete(spec)
