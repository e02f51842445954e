"""`conch loadtest` against the real stack."""

import json
from pathlib import Path

import pytest

from loadtest.run_folder import read_run
from tests.e2e.running_stack import RunningStack


def test_a_latency_is_split_into_gateway_queue_and_compute(
    stack: RunningStack, key: str, tmp_path: Path
) -> None:
    done = stack.conch(
        *("loadtest", "smoke", "--model", "mnist_cnn", "--duration", "3s", "--json"),
        *("--url", stack.url, "--triton-url", stack.triton_url, "--admin-url", stack.admin_url),
        *("--out", str(tmp_path / "run")),
        CONCH_API_KEY=key,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["answer"]["error_share"] == 0
    run = read_run(tmp_path / "run")
    assert key not in (tmp_path / "run" / "result.json").read_text()
    assert run.triton["name"] == "triton" and "mnist_cnn" in run.models
    (step,) = run.steps
    assert step.gateway is not None and step.gateway.overhead_count > 0
    assert step.models["mnist_cnn"].success == pytest.approx(
        sum(window.answered for window in step.windows if not window.warmup), abs=20
    )
    assert step.breakdown is not None
    assert step.breakdown.compute_ms > 0 and step.breakdown.gateway_ms > 0


def test_a_key_that_is_not_valid_is_told(stack: RunningStack, tmp_path: Path) -> None:
    done = stack.conch(
        *("loadtest", "smoke", "--model", "mnist_cnn", "--url", stack.url),
        CONCH_API_KEY="ck_wrong",
    )
    assert done.returncode == 1
    assert done.stderr.startswith("conch: ") and "was answered 401" in done.stderr
