"""A model whose process is gone is loaded again, as often as it takes."""

import os
import signal
from pathlib import Path

from stack.triton_stubs import living_stubs
from tests.stack.backends.inference import infer_json
from tests.stack.running_triton import RunningTriton, running_triton
from tests.stack.small_models import write_doubler, write_python_model
from tests.stack.test_triton import doubles
from tests.waiting import wait_until

MENDED_S = 20


def kill_stub(triton: RunningTriton, model: str) -> None:
    [pid] = [s.pid for s in living_stubs(triton.pid, triton.repository) if s.model == model]
    os.kill(pid, signal.SIGKILL)


def echoes(triton: RunningTriton, model: str) -> bool:
    x = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    status, body = infer_json(triton, model, [x], ["y"])
    return status == 200 and body["outputs"][0]["data"] == [1, 2]


def test_a_crashed_process_of_a_users_own_python_model_is_replaced(tmp_path: Path) -> None:
    write_python_model(tmp_path / "models", "own")
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        assert echoes(triton, "own")
        kill_stub(triton, "own")
        wait_until(lambda: "model own serves again" in triton.problems, MENDED_S)
        assert echoes(triton, "own")


def test_a_failed_replacement_is_tried_again_and_later_each_time(tmp_path: Path) -> None:
    write_doubler(tmp_path / "models")
    write_python_model(tmp_path / "models", "neighbour")
    model, away = tmp_path / "models/doubler/1/model.onnx", tmp_path / "model.onnx"
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        model.rename(away)
        kill_stub(triton, "doubler")
        wait_until(lambda: told(triton, "Trying again in 2 s"), MENDED_S)
        assert told(triton, "Trying again in 1 s")
        assert "model doubler serves again" not in triton.problems
        assert echoes(triton, "neighbour")
        away.rename(model)
        wait_until(lambda: "model doubler serves again" in triton.problems, MENDED_S)
        assert doubles(triton)


def told(triton: RunningTriton, words: str) -> bool:
    return any(text.startswith("model doubler") and words in text for text in triton.problems)
