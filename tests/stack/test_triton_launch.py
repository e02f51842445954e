"""A model that crashes, or that ends Triton itself, does not keep the others from serving."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from stack.triton import EmbeddedTriton
from stack.triton_models import LoadReport
from tests.stack.running_triton import RunningTriton, running_triton, triton_settings
from tests.stack.small_models import write_doubler, write_python_model
from tests.stack.test_triton import doubles, traces
from tests.waiting import wait_until

# What Triton does when the process of a model is gone in a moment that it is not ready for.
END_TRITON = "os.kill(os.getppid(), signal.SIGKILL)"
CRASH = "os._exit(3)"


def reasons(triton: RunningTriton) -> dict[str, str]:
    return {model.name: model.reason for model in triton.report.broken}


def test_models_that_end_triton_are_named_and_the_others_serve(tmp_path: Path) -> None:
    for name in ("doubler", "zebra"):
        write_doubler(tmp_path / "models", name)
    write_python_model(tmp_path / "models", "in_load", initialize=END_TRITON)
    write_python_model(tmp_path / "models", "in_warmup", execute=END_TRITON, warmed_up=True)
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        assert triton.report.ready == ("doubler", "zebra")
        assert set(reasons(triton)) == {"in_load", "in_warmup"}
        for name, reason in reasons(triton).items():
            assert f"Triton ended while it loaded model {name}" in reason
            assert "triton.log" in reason and "`conch up` tries it again" in reason
        assert doubles(triton) and doubles(triton, "zebra")
    assert traces(tmp_path / "state") == []


def test_a_model_alone_that_ends_triton_is_named(tmp_path: Path) -> None:
    write_python_model(tmp_path / "models", "alone", initialize=END_TRITON)
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        assert triton.report.ready == ()
        assert set(reasons(triton)) == {"alone"}


@pytest.mark.parametrize(
    ("initialize", "execute"), [(CRASH, "pass"), ("pass", CRASH)], ids=["load", "warm-up"]
)
def test_a_model_whose_process_crashes_is_named(
    tmp_path: Path, initialize: str, execute: str
) -> None:
    write_doubler(tmp_path / "models")
    write_python_model(
        tmp_path / "models", "crashes", initialize=initialize, execute=execute, warmed_up=True
    )
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        assert triton.report.ready == ("doubler",)
        # Whether Triton survives it is chance.
        assert "crashed" in reasons(triton)["crashes"] or "ended" in reasons(triton)["crashes"]
        assert doubles(triton)


def test_a_model_whose_process_cannot_start_is_named_and_the_others_serve(tmp_path: Path) -> None:
    write_doubler(tmp_path / "models")
    write_python_model(tmp_path / "models", "stubless")
    stub = tmp_path / "models/stubless/triton_python_backend_stub"
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        assert triton.report.ready == ("doubler",)
        assert "ended before it reported" in reasons(triton)["stubless"]
        assert doubles(triton)


def test_a_model_that_hangs_is_named_and_the_others_serve(tmp_path: Path) -> None:
    write_doubler(tmp_path / "models")
    write_python_model(tmp_path / "models", "hangs", initialize="import time; time.sleep(3600)")
    limit = {"triton_load_timeout_s": 8}
    with running_triton(tmp_path / "models", tmp_path / "state", **limit) as triton:
        assert triton.report.ready == ("doubler",)
        assert "not done within 8 s" in reasons(triton)["hangs"]
        assert "while it loaded model hangs" in reasons(triton)["hangs"]
        assert doubles(triton)
    assert traces(tmp_path / "state") == []


def test_a_model_that_ends_triton_at_a_restart_does_not_keep_the_others_down(
    tmp_path: Path,
) -> None:
    write_doubler(tmp_path / "models")
    flag = tmp_path / "second start"
    write_python_model(
        tmp_path / "models", "later", initialize=f"Path({str(flag)!r}).exists() and {END_TRITON}"
    )
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        assert set(triton.report.ready) == {"doubler", "later"}
        flag.touch()
        for times in (1, 2):
            os.kill(triton.pid, signal.SIGKILL)
            wait_until(lambda times=times: running_again(triton) == times, 30)
            assert doubles(triton)
        told = [text for text in triton.problems if "model later is not served" in text]
        assert len(told) == 2
        # The second restart knows it already.
        assert sum("one of these is the cause" in text for text in triton.problems) == 1
    assert traces(tmp_path / "state") == []


def running_again(triton: RunningTriton) -> int:
    return triton.problems.count("triton is running again")


def test_a_server_killed_while_it_loads_accuses_no_model(tmp_path: Path) -> None:
    write_doubler(tmp_path / "models")
    loaded_once = tmp_path / "loaded once"
    write_python_model(
        tmp_path / "models",
        "unlucky",
        initialize=f"p = Path({str(loaded_once)!r}); p.exists() or (p.touch(), {END_TRITON})",
    )

    async def scenario() -> LoadReport:
        triton = EmbeddedTriton(
            triton_settings(tmp_path / "models", tmp_path / "state"), lambda text: None
        )
        try:
            return await triton.start()
        finally:
            await triton.stop()

    assert asyncio.run(scenario()) == LoadReport(ready=("doubler", "unlucky"), broken=())
