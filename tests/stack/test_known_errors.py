import pytest

from stack.known_errors import explain, explain_log

LINES = {
    "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Version tag does not match. "
    "Note: Current Version: 232, Serialized Engine Version: 228)": "tag is 228",
    "expecting library version 11.1.0.106 got 11.4.0.106, please rebuild": "TensorRT 11.4.0.106",
    "Serialization assertion header.magicTag == kPLAN_MAGIC_TAG failed": "no bare TensorRT engine",
    "unable to load plan file to auto complete config: /models/m/1/model.plan": "could not read",
    "CUDA initialization failure with error: 35": "CUDA error 35",
    "TypeError: pybind11::init(): factory function returned nullptr": "without a GPU",
    "Unsupported model IR version: 13, max supported IR version: 11": "reads up to 11",
    "PytorchStreamReader failed reading zip archive: failed finding central directory": "cut off",
    "Internal: Unable to initialize shared memory key 'triton_python_backend'": "used up",
}


@pytest.mark.parametrize(("line", "cause"), LINES.items())
def test_a_known_error_names_its_cause(line: str, cause: str) -> None:
    known = explain(line)
    assert known is not None
    assert cause in known.cause


def test_an_unknown_line_is_not_explained() -> None:
    assert explain("I1122 07:00:00 successfully loaded 'mnist_mlp'") is None


def test_a_cause_is_told_once_with_its_first_line() -> None:
    text = "first: out of memory\nsecond: CUDA out of memory\n"
    assert [known.line for known in explain_log(text)] == ["first: out of memory"]
