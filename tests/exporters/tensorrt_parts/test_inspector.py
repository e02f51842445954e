import json

import pytest

from exporters.errors import CompileError
from exporters.tensorrt_parts.inspector import Precision, of_listing, uses_tf32


def listing(*types: str, name: str = "conv", tactic: str = "") -> str:
    """As the engine inspector writes it with detailed verbosity."""
    tensors = [{"Name": "x", "Format/Datatype": type} for type in types]
    layer = {"Name": name, "Inputs": tensors[:1], "Outputs": tensors[1:], "TacticName": tactic}
    return json.dumps({"Layers": [layer], "I/O Tensors": ["x"]})


@pytest.mark.parametrize(
    ("written", "precision"),
    [
        ("Row major linear FP32", "fp32"),
        ("Float", "fp32"),
        ("Half", "fp16"),
        ("Channel major FP16 format where channel % 8 == 0", "fp16"),
        ("BFloat16", "bf16"),
        ("Int8", "int8"),
        ("FP8", "fp8"),
    ],
)
def test_the_types_of_a_layer_are_read_in_every_wording(written: str, precision: str) -> None:
    found = of_listing(listing(written, written))
    assert found == Precision("engine", {precision: 1})


def test_a_layer_that_hides_others_says_nothing() -> None:
    assert of_listing(listing("Float", "Float", name="{ForeignNode[conv...relu]}")) is None


def test_an_engine_that_lists_only_names_says_nothing() -> None:
    assert of_listing(json.dumps({"Layers": ["conv", "relu"]})) is None


def test_what_was_not_built_as_asked_is_refused_with_what_was_built() -> None:
    with pytest.raises(CompileError, match=r"in fp16, and by its engine its layers are: 3 in fp32"):
        Precision("engine", {"fp32": 3}).check("fp16", "small")


def test_tf32_is_float32_to_the_network() -> None:
    Precision("network", {"fp32": 3}).check("tf32", "small")


def test_tf32_is_told_by_the_names_of_kernels() -> None:
    assert uses_tf32(listing("Float", "Float", tactic="sm80_xmma_fprop_f32f32_tf32f32"))
    assert not uses_tf32(listing("Float", "Float", tactic="sm80_xmma_fprop_f32f32_f32f32"))
