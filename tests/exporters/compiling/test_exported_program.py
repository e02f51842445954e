from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from exporters.compiling.exported_program import dynamic_shapes, exported_program
from exporters.compiling.quiet import quiet
from exporters.errors import CompileError
from exporters.spec import Axis, ModelSpec, TensorSpec
from tests.exporters.format_models import Tagger
from tests.exporters.models import WIDTH, Doubler, spec_of

LENGTH = Axis(name="length", min=4, max=64)


class Halved(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1] // 2, 2).sum(dim=2)


class Sixteen(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, 16) * 2


class Placed(nn.Module):
    """Knows 32 places and no more."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.ones(1, 32))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.places[:, : x.shape[1]]


class Looping(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        total = x[:, 0]
        for step in range(x.shape[1]):
            total = total + x[:, step]
        return total


class Chosen(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, : int(x.max().item())]


class Spectrum(nn.Module):
    """Torch cannot prove an inequality of its sizes, which nevertheless always holds."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stft(x, 16, return_complex=True, window=torch.ones(16)).abs()


class Added(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (Halved, r"takes 'length' only in multiples of 2.+`return x\.reshape\(.+line \d+"),
        (Sixteen, r"for 'length' = 16 only.+`return x\.reshape\(-1, 16\)"),
        (Placed, r"outside of min=4, max=32 of 'length'.+`return x \+ self\.places.+line \d+"),
        (Looping, r"for 'length' = 16 only.+`for step in range.+line \d+"),
        (Chosen, r"decides on the values of a tensor.+`return x\[:, : int\(.+line \d+"),
    ],
)
def test_what_holds_for_some_lengths_only_is_refused_with_its_line(
    build: Callable[[], nn.Module], reason: str
) -> None:
    with pytest.raises(CompileError, match=reason):
        exported_program(build(), spec_with(LENGTH), (torch.ones(2, 16),))


def test_axes_that_must_be_equal_are_named() -> None:
    other = Axis(name="other", min=4, max=64)
    with pytest.raises(CompileError, match="'other' and 'length' must always be equal"):
        exported_program(Added(), spec_with(LENGTH, other), (torch.ones(2, 16), torch.ones(2, 16)))


def test_axes_of_one_name_are_one_dimension() -> None:
    program = exported_program(
        Added(), spec_with(LENGTH, LENGTH), (torch.ones(2, 16), torch.ones(2, 16))
    )
    assert program.module()(torch.ones(3, 40), torch.ones(3, 40)).shape == (3, 40)


def test_what_torch_cannot_decide_is_left_to_the_proof() -> None:
    longer = Axis(name="length", min=9, max=64)
    program = exported_program(Spectrum(), spec_with(longer), (torch.ones(2, 16),))
    assert program.module()(torch.ones(1, 33)).shape == (1, 9, 9)


def test_a_recurrent_layer_says_which_formats_take_it() -> None:
    steps = TensorSpec(name="steps", dtype="float32", shape=(LENGTH, 8))
    spec = spec_with(LENGTH).model_copy(update={"inputs": (steps,)})
    with pytest.raises(CompileError, match=r"`states, .+ = self\.lstm.+use onnx or torchscript"):
        exported_program(Tagger().eval(), spec, (torch.ones(2, 12, 8),))


def test_without_batching_only_the_axes_are_dynamic() -> None:
    spec = spec_with(LENGTH).model_copy(update={"max_batch_size": 0})
    (shapes,) = dynamic_shapes(spec) or ()
    assert shapes is not None
    assert {index: dim.__name__ for index, dim in shapes.items()} == {0: "length"}


def test_an_axis_called_batch_is_refused() -> None:
    with pytest.raises(CompileError, match="names an axis 'batch'"):
        dynamic_shapes(spec_with(Axis(name="batch", max=8)))


def spec_with(*axes: Axis) -> ModelSpec:
    return ModelSpec(
        name="small",
        build=nn.Identity,
        inputs=tuple(
            TensorSpec(name=name, dtype="float32", shape=(axis,))
            for name, axis in zip("xy", axes, strict=False)
        ),
        max_batch_size=8,
        samples=(),
    )


def test_a_model_that_is_torchscript_already_is_named_as_the_cause() -> None:
    with quiet():
        traced = torch.jit.trace(Doubler(), torch.ones(2, WIDTH), check_trace=False)
    with pytest.raises(CompileError, match="TorchScript already"):
        exported_program(traced, spec_of(lambda: traced), (torch.ones(2, WIDTH),))
