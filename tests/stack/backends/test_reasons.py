"""The cause is found in the reports that the runtimes really write."""

import warnings
from pathlib import Path

import pytest
import torch

from stack.backends.reasons import one_line_reason
from tests.stack.small_models import Picky, save_script


def reason_of(module: torch.nn.Module, given: torch.Tensor, folder: Path) -> str:
    save_script(module, folder / "model.pt")
    return reason_of_file(folder / "model.pt", given)


def reason_of_file(path: Path, given: torch.Tensor) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = torch.jit.load(str(path))
    with pytest.raises(Exception) as raised:
        loaded(given)
    assert "Traceback of TorchScript" in str(raised.value)
    return one_line_reason(raised.value)


def test_torchscript_ends_with_the_cause(tmp_path: Path) -> None:
    reason = reason_of(torch.nn.Linear(2, 5), torch.ones(3, 3), tmp_path)
    assert reason == "RuntimeError: mat1 and mat2 shapes cannot be multiplied (3x3 and 2x5)"


def test_the_python_that_a_trace_came_from_is_not_the_cause(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace = torch.jit.trace(torch.nn.Linear(2, 5), torch.ones(3, 2))
        torch.jit.save(trace, tmp_path / "traced.pt")
    reason = reason_of_file(tmp_path / "traced.pt", torch.ones(3, 3))
    assert reason == "RuntimeError: mat1 and mat2 shapes cannot be multiplied (3x3 and 2x5)"


def test_an_exception_of_the_models_own_code_is_the_cause(tmp_path: Path) -> None:
    reason = reason_of(Picky(), -torch.ones(2), tmp_path)
    assert reason == "builtins.ValueError: negative numbers are not allowed"


def test_advice_and_frames_after_the_cause_are_left_out() -> None:
    report = (
        "expected size 2==3, stride 2==2 at dim=0\nError in op: input\nThis error most often...\n"
        "Exception raised from run at /pytorch/runner.cpp:145 (most recent call first):\n"
        "C++ CapturedTraceback:\n#4 c10::Error::Error() from ??:0\n"
    )
    assert one_line_reason(RuntimeError(report)) == "expected size 2==3, stride 2==2 at dim=0"


def test_lines_that_go_on_with_the_cause_belong_to_it() -> None:
    report = "INVALID_ARGUMENT : Got invalid dimensions for input: x\n index: 1 Got: 3 Expected: 2"
    assert one_line_reason(RuntimeError(report)).endswith("input: x index: 1 Got: 3 Expected: 2")


def test_a_problem_without_words_is_named_by_its_type() -> None:
    assert one_line_reason(KeyboardInterrupt()) == "KeyboardInterrupt"
