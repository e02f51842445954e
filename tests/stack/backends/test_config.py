"""What a backend reads of a model's configuration, and how many threads it takes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from stack.backends.config import BackendError, ServedModel, TensorSpec, read_model
from stack.backends.threads import Threads, threads_for, usable_cores
from stack.backends.torch_engine import device_of

DEFAULTS = ("model.pt", "model.pt2")


def arguments(folder: Path, **changes: Any) -> dict[str, str]:
    (folder / "1").mkdir(exist_ok=True)
    config = {
        "max_batch_size": 4,
        "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": ["2", -1]}],
        "output": [
            {"name": "y", "data_type": "TYPE_STRING", "dims": [1], "reshape": {"shape": []}}
        ],
        "instance_group": [{"count": 2}, {"count": 1}],
        "parameters": {"INTRA_OP_THREAD_COUNT": {"string_value": "3"}},
    }
    return {
        "model_config": json.dumps(config | changes),
        "model_name": "m",
        "model_repository": str(folder),
        "model_version": "1",
        "model_instance_kind": "CPU",
        "model_instance_device_id": "0",
    }


def served(tmp_path: Path, **changes: Any) -> ServedModel:
    (tmp_path / "1").mkdir(exist_ok=True)
    (tmp_path / "1/model.pt").touch()
    return read_model(arguments(tmp_path, **changes), default_filenames=DEFAULTS)


def test_tensors_instances_and_parameters_are_read(tmp_path: Path) -> None:
    model = served(tmp_path)
    assert model.inputs == (TensorSpec("x", "FP32", (2, -1)),)
    assert model.outputs == (TensorSpec("y", "STRING", ()),)
    assert (model.instance_count, model.max_batch_size) == (3, 4)
    assert model.parameters == {"INTRA_OP_THREAD_COUNT": "3"}


@pytest.mark.parametrize(
    ("configured", "present", "found"),
    [
        # Triton fills in model.pt where nothing is configured.
        ("model.pt", ["model.pt2"], "model.pt2"),
        ("model.pt", ["model.pt", "model.pt2"], "model.pt"),
        ("net.pt", ["model.pt", "net.pt"], "net.pt"),
        ("model.pt2", ["model.pt2"], "model.pt2"),
    ],
)
def test_the_file_is_the_configured_or_the_default(
    tmp_path: Path, configured: str, present: list[str], found: str
) -> None:
    given = arguments(tmp_path, default_model_filename=configured)
    for name in present:
        (tmp_path / "1" / name).touch()
    assert read_model(given, default_filenames=DEFAULTS).path.name == found


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    given = arguments(tmp_path, default_model_filename="net.pt")
    with pytest.raises(BackendError, match=r"version 1 holds no net\.pt"):
        read_model(given, default_filenames=DEFAULTS)


@pytest.mark.parametrize(
    ("change", "feature"),
    [
        ({"batch_input": [{}]}, "batch_input"),
        ({"sequence_batching": {"state": [{}]}}, "sequence_batching.state"),
    ],
)
def test_what_is_not_implemented_is_refused(
    tmp_path: Path, change: dict[str, Any], feature: str
) -> None:
    with pytest.raises(BackendError, match=feature):
        served(tmp_path, **change)


def test_instances_share_the_cores(tmp_path: Path) -> None:
    model = served(tmp_path, parameters={})
    assert threads_for(model, cores=12) == Threads(intra_op=4, inter_op=1)
    assert threads_for(model, cores=2) == Threads(intra_op=1, inter_op=1)


def test_a_parameter_decides_the_threads(tmp_path: Path) -> None:
    assert threads_for(served(tmp_path), cores=12).intra_op == 3
    wrong = {"INTER_OP_THREAD_COUNT": {"string_value": "many"}}
    with pytest.raises(BackendError, match='INTER_OP_THREAD_COUNT is "many"'):
        threads_for(served(tmp_path, parameters=wrong), cores=12)


def test_a_container_quota_counts(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text("100000 100000\n")
    assert usable_cores(quota) == 1
    quota.write_text("max 100000\n")
    assert usable_cores(quota) == usable_cores(tmp_path / "missing") >= 1


def test_a_gpu_instance_without_cuda_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = served(tmp_path)
    assert device_of(model) == torch.device("cpu")
    with pytest.raises(BackendError, match="torch finds no CUDA device; set kind: KIND_CPU"):
        device_of(replace(model, instance_kind="GPU"))
