from types import SimpleNamespace
from typing import cast

import pytest

from exporters.describing.wire import check_numbers, wire_interface
from exporters.errors import SpecError
from exporters.formats import Format, load_format
from exporters.spec import TensorSpec
from exporters.tensors import Interface
from tests.exporters.models import SumAndDifference, spec_of

ORDINAL = cast(Format, SimpleNamespace(ORDINAL_NAMES=True))


def interface() -> Interface:
    one = {"dtype": "float32", "shape": (1,)}
    return spec_of(
        SumAndDifference,
        inputs=[TensorSpec(name=name, **one) for name in ("left", "right")],
        outputs=[TensorSpec(name=name, **one) for name in ("total", "gap")],
    ).interface


def test_a_backend_with_names_keeps_those_declared() -> None:
    assert wire_interface(interface(), load_format("onnx")) == interface()


def test_a_backend_without_names_gets_numbers_in_declared_order() -> None:
    wire = wire_interface(interface(), ORDINAL)
    assert [tensor.name for tensor in wire.inputs] == ["INPUT__0", "INPUT__1"]
    assert [tensor.name for tensor in wire.outputs] == ["OUTPUT__0", "OUTPUT__1"]


def test_only_the_names_change() -> None:
    wire = wire_interface(interface(), ORDINAL)
    assert [tensor.shape for tensor in wire.inputs] == [(1,), (1,)]


@pytest.mark.parametrize(("names", "right"), [(("y__0", "y__1"), True), (("y__1", "y__0"), False)])
def test_a_name_that_triton_takes_for_another_place_is_refused(
    names: tuple[str, ...], right: bool
) -> None:
    outputs = tuple(TensorSpec(name=name, dtype="float32", shape=(2,)) for name in names)
    wire = Interface(name="net", outputs=outputs, max_batch_size=4)
    check_numbers(wire, load_format("onnx"))
    if right:
        check_numbers(wire, load_format("torchscript"))
        return
    with pytest.raises(SpecError, match="'y__1' at place 0"):
        check_numbers(wire, load_format("torchscript"))
