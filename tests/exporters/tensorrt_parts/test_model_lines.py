from types import SimpleNamespace

from exporters.tensorrt_parts.model_lines import line_of


def test_the_innermost_line_of_a_stack_is_the_models() -> None:
    trace = (
        'File "outer.py", line 1, in forward\n    y = self.inner(x)\n'
        'File "inner.py", line 2, in forward\n    return x.det()'
    )
    metadata = [SimpleNamespace(key="pkg.torch.onnx.stack_trace", value=trace)]
    assert line_of(metadata) == "inner.py, line 2: `return x.det()`"


def test_a_node_without_a_stack_has_no_line() -> None:
    assert line_of([SimpleNamespace(key="namespace", value="x")]) is None
