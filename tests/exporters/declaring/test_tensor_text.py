import pytest

from exporters.declaring.tensor_text import parse_axis, parse_range, parse_tensor, tensor_text
from exporters.errors import SpecError
from exporters.spec import Axis, TensorSpec


@pytest.mark.parametrize(
    "tensor",
    [
        TensorSpec(name="score", dtype="float32", shape=()),
        TensorSpec(name="boxes:0", dtype="int64", shape=(-1, 4)),
        TensorSpec(name="x", dtype="float16", shape=(3, Axis(name="length", min=1, max=512))),
    ],
)
def test_what_is_written_is_read_back(tensor: TensorSpec) -> None:
    assert parse_tensor(tensor_text(tensor)) == tensor


def test_an_axis_and_a_range() -> None:
    assert parse_axis("length=1..512") == Axis(name="length", min=1, max=512)
    assert parse_range("ids=-1.5..2e3") == ("ids", -1.5, 2000.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "does not describe a tensor"),
        ("x:float32", "does not describe a tensor"),
        ("x:float33[3]", "has the dtype 'float33'"),
        ("x:float32[3,length]", "has the dimension 'length'"),
        ("x:float32[0]", "has the dimension '0'"),
        ("x:float32[length=0..5]", "whole numbers from 1 on"),
        ("x:float32[a b=1..5]", "no name for an axis"),
    ],
)
def test_a_tensor_that_cannot_be_read_says_how_it_is_written(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_tensor(text)


@pytest.mark.parametrize("text", ["ids", "ids=5", "ids=5..1", "ids=a..b", "ids=1.2.3..4"])
def test_a_range_that_cannot_be_read_says_how_it_is_written(text: str) -> None:
    with pytest.raises(SpecError, match=r"is no range.*ids=0\.\.30521"):
        parse_range(text)


def test_an_axis_is_known_by_the_files_own_spelling() -> None:
    assert parse_axis("Dynamic.1=4..64") == Axis(name="Dynamic_1", min=4, max=64)


def test_an_axis_of_one_length_is_said_to_be_a_number() -> None:
    with pytest.raises(SpecError, match=r"--input 'images:float32\[3,320,320\]'"):
        parse_axis("height=320..320")
