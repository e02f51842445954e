from types import SimpleNamespace
from typing import cast

from exporters.describing.wire import wire_interface
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
