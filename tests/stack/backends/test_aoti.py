"""AOTInductor packages: names from the call specification, joined runs."""

import json
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from stack.backends.aoti import AotiProgram
from stack.backends.config import BackendError, ServedModel
from tests.stack.backends.inference import infer_binary, infer_together
from tests.stack.running_triton import running_triton
from tests.stack.small_models import MEETING_POINT, write_config

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="building an AOTInductor package needs a C++ compiler: g++"
)


class ScaledSum(torch.nn.Module):
    def forward(
        self, x: torch.Tensor, others: dict[str, torch.Tensor], *, scale: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        return {"sum": x + others["y"], "scaled": x * scale}


def compile_package(path: Path) -> None:
    batch = torch.export.Dim("batch", min=1, max=8)
    rows = {0: batch}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            ScaledSum(),
            (torch.rand(3, 2), {"y": torch.rand(3, 2)}),
            {"scale": torch.rand(3, 2)},
            dynamic_shapes=(rows, {"y": rows}, rows),
        )
        torch._inductor.aoti_compile_and_package(program, package_path=str(path))


def write_package_for(device: str, path: Path) -> None:
    """As much of a package as says which device it is for."""
    entries = {
        "archive_format": "pt2",
        "archive_version": "0",
        "byteorder": "little",
        ".data/version": "3\n",
        "data/aotinductor/model/it.wrapper_metadata.json": json.dumps({"AOTI_DEVICE_KEY": device}),
    }
    with zipfile.ZipFile(path, "w") as package:
        for name, text in entries.items():
            package.writestr(f"{path.stem}/{name}", text)


@pytest.mark.parametrize(
    ("device", "instance", "said"),
    [
        ("cuda", torch.device("cpu"), "compiled for cuda, .+ on a CPU; set kind: KIND_GPU"),
        ("cpu", torch.device("cuda", 0), "compiled for cpu, .+ on a GPU; set kind: KIND_CPU"),
    ],
)
def test_a_package_for_another_device_is_refused(
    tmp_path: Path, device: str, instance: torch.device, said: str
) -> None:
    path = tmp_path / "model.pt2"
    write_package_for(device, path)
    kind = "CPU" if instance.type == "cpu" else "GPU"
    model = ServedModel("packaged", path, (), (), 8, {}, 1, kind, 0)
    with pytest.raises(BackendError, match=said):
        AotiProgram(model, instance)


def test_a_package_is_served_by_the_names_of_its_call_specification(tmp_path: Path) -> None:
    version = write_config(
        tmp_path / "models/packaged",
        backend="pytorch",
        inputs=[
            ("KWARGS[scale]", "FP32", [2]),
            ("ARGS[0]", "FP32", [2]),
            ("ARGS[1][y]", "FP32", [2]),
        ],
        outputs=[("RESULT[scaled]", "FP32", [2]), ("RESULT[sum]", "FP32", [2])],
        extra=MEETING_POINT,
    )
    compile_package(version / "model.pt2")
    requests = [
        {
            "ARGS[0]": np.full((rows, 2), rows, np.float32),
            "ARGS[1][y]": np.full((rows, 2), 10, np.float32),
            "KWARGS[scale]": np.full((rows, 2), 3, np.float32),
        }
        for rows in (1, 2, 4)
    ]
    outputs = ["RESULT[sum]", "RESULT[scaled]"]
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        assert triton.report.broken == ()
        answers = infer_together(triton, "packaged", requests, outputs)
    for rows, got in zip((1, 2, 4), answers, strict=True):
        np.testing.assert_array_equal(got["RESULT[sum]"], np.full((rows, 2), rows + 10))
        np.testing.assert_array_equal(got["RESULT[scaled]"], np.full((rows, 2), rows * 3))


def test_a_wrong_shape_is_that_requests_own_error(tmp_path: Path) -> None:
    version = write_config(
        tmp_path / "models/packaged",
        backend="pytorch",
        inputs=[("y", "FP32", [-1]), ("x", "FP32", [-1]), ("scale", "FP32", [-1])],
        outputs=[("RESULT[sum]", "FP32", [2]), ("RESULT[scaled]", "FP32", [2])],
    )
    compile_package(version / "model.pt2")
    names, outputs = ("x", "y", "scale"), ["RESULT[sum]"]
    wrong = {name: np.ones((2, 3), np.float32) for name in names}
    right = {name: np.ones((1, 2), np.float32) for name in names}
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        refused = infer_binary(triton, "packaged", wrong, outputs)
        answers = [infer_binary(triton, "packaged", right, outputs) for _ in range(2)]
    # The first of the configuration: these names are not the package's own, so the order counts.
    assert "input 'y': unmatched dim value at 1, expected: 2, but got: 3" in str(refused)
    # One row, which the package's check takes only as two.
    for answer in answers:
        np.testing.assert_array_equal(answer["RESULT[sum]"], [[2.0, 2.0]])
