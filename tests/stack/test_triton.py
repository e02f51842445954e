"""The embedded Triton as a whole: reports, recovers, ends, leaves nothing."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx2
import numpy as np
import pytest
import torch

from stack.errors import PreflightError, StartError, StubError
from stack.process_identity import all_processes, command_line, read_stat
from stack.settings import StackSettings
from stack.trial import free_ports
from stack.triton import EmbeddedTriton
from stack.triton_command import shm_prefix
from stack.triton_install import find_triton
from stack.triton_stubs import living_stubs
from tests.stack.backends.inference import infer_binary, infer_json
from tests.stack.running_triton import RunningTriton, running_triton, triton_settings
from tests.stack.small_models import save_script, write_config, write_doubler
from tests.waiting import wait_until

# Generous for two busy cores; measured on two idle ones: 0.7 s.
RECOVERY_S = 10


def doubles(triton: RunningTriton, model: str = "doubler") -> bool:
    x = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    try:
        status, body = infer_json(triton, model, [x], ["y"])
    except httpx2.TransportError:
        return False
    return status == 200 and body["outputs"][0]["data"] == [2, 4]


def status(triton: RunningTriton) -> int | None:
    """Status of the model's readiness; None while the connection is refused."""
    try:
        return httpx2.get(f"{triton.http_url}/v2/models/doubler/ready", timeout=5).status_code
    except httpx2.TransportError:
        return None


def traces(state_dir: Path) -> list[str]:
    """Processes and shared memory that belong to a state directory."""
    processes = [
        " ".join(arguments)
        for stat in all_processes()
        if stat.alive and str(state_dir) in " ".join(arguments := command_line(stat.pid))
    ]
    return processes + [str(path) for path in Path("/dev/shm").glob(f"{shm_prefix(state_dir)}*")]


def test_broken_models_are_named_and_the_others_serve(embedded_triton: RunningTriton) -> None:
    reasons = {model.name: model.reason for model in embedded_triton.report.broken}
    assert set(reasons) == {name for name in reasons if name.startswith("broken_")}
    assert "holds no model.onnx" in reasons["broken_no_file"]
    assert "model.onnx is no model that ONNX Runtime" in reasons["broken_onnx"]
    assert "model.pt is no TorchScript file" in reasons["broken_script"]
    assert "torch_aoti" in reasons["broken_platform"]
    assert "no GPUs are available" in reasons["broken_gpu"]
    assert not any("At:" in reason or "Traceback" in reason for reason in reasons.values())
    assert "doubler" in embedded_triton.report.ready
    assert doubles(embedded_triton)


def test_a_killed_server_serves_again_by_itself(tmp_path: Path) -> None:
    write_doubler(tmp_path / "models")
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        killed = triton.pid
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: triton.pid not in (0, killed), RECOVERY_S)
        seen: list[int | None] = []
        wait_until(lambda: seen.append(status(triton)) or seen[-1] == 200, RECOVERY_S)
        # Refused until every model is loaded: never a 404 for a model that is only late.
        assert set(seen) <= {None, 200}
        assert doubles(triton)
        assert "triton ended (signal 9)" in triton.problems
    assert traces(tmp_path / "state") == []


def test_a_killed_model_process_is_replaced_each_time_without_a_restart(tmp_path: Path) -> None:
    write_doubler(tmp_path / "models")
    write_doubler(tmp_path / "models", "neighbour")
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        server = triton.pid
        for times in (1, 2):
            stubs = {stub.model: stub.pid for stub in living_stubs(server, tmp_path / "models")}
            os.kill(stubs["doubler"], signal.SIGKILL)
            wait_until(
                lambda times=times: triton.problems.count("model doubler serves again") == times,
                RECOVERY_S,
            )
            assert doubles(triton)
            assert doubles(triton, "neighbour")
        assert triton.pid == server
        assert not any("neighbour" in text for text in triton.problems)
    assert traces(tmp_path / "state") == []


def test_a_request_in_flight_is_answered_before_the_end(tmp_path: Path) -> None:
    write_slow(tmp_path / "models")
    answers: list[float] = []
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        given = {"x": np.full((1, 1), 7, np.float32)}

        def ask() -> None:
            answers.append(infer_binary(triton, "slow", given, ["y"])["y"].item())

        client = threading.Thread(target=ask)
        client.start()
        wait_until(lambda: _busy(triton), what="the model to run")
        assert not answers
        triton.call(triton.triton.stop())
        client.join()
    assert answers == [7]
    assert traces(tmp_path / "state") == []


def test_the_next_start_ends_the_server_of_a_killed_parent(tmp_path: Path) -> None:
    write_doubler(tmp_path / "models")
    ports = free_ports(3)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), *map(str, ports)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout and parent.stdout.readline().strip() == "ready"
        parent.kill()
    orphans = [stat.pid for stat in all_processes() if _is_ours(stat.pid, tmp_path)]
    assert len(orphans) == 2  # the server and its one stub
    with running_triton(tmp_path / "models", tmp_path / "state") as triton:
        assert doubles(triton)
        assert not any(_alive(pid) for pid in orphans)
    assert traces(tmp_path / "state") == []


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    settings = triton_settings(tmp_path, tmp_path / "state")
    with (
        socket.create_server(("127.0.0.1", settings.triton_grpc_port)),
        pytest.raises(PreflightError, match=f"Port {settings.triton_grpc_port} is held by process"),
    ):
        start_and_stop(settings)


def test_a_repository_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"model repository .*nowhere does not exist"):
        start_and_stop(triton_settings(tmp_path / "nowhere", tmp_path / "state"))


@pytest.mark.parametrize("special", [" ", "'", "$", "&", "["])
@pytest.mark.parametrize("folder", ["models", "state"])
def test_a_path_that_a_shell_would_change_is_named(
    tmp_path: Path, folder: str, special: str
) -> None:
    paths = {name: tmp_path / name for name in ("models", "state")}
    paths[folder] = tmp_path / f"my{special}{folder}"
    paths["models"].mkdir()
    with pytest.raises(PreflightError, match=re.escape(f"{paths[folder]}, and Triton")):
        start_and_stop(triton_settings(paths["models"], paths["state"]))


def test_what_the_shell_says_of_a_path_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stack.triton.require", lambda checks: None)
    write_doubler(tmp_path / "models")
    with pytest.raises(StubError, match=f"bash: line 1: {tmp_path}/my: No such file"):
        start_and_stop(triton_settings(tmp_path / "models", tmp_path / "my state"))


def test_a_state_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "state/triton").write_text("a file where a folder should be")
    with pytest.raises(StartError, match=r"could not be prepared: .*state/triton"):
        start_and_stop(triton_settings(tmp_path / "models", tmp_path / "state"))


def test_a_stub_that_cannot_start_is_an_error_and_no_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_doubler(tmp_path / "models")
    monkeypatch.setattr(
        "stack.triton_command.server_environment", lambda install: {"PATH": os.environ["PATH"]}
    )
    with pytest.raises(StubError, match="error while loading shared libraries"):
        start_and_stop(triton_settings(tmp_path / "models", tmp_path / "state"))
    assert traces(tmp_path / "state") == []


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    home = tmp_path / "server"
    shutil.copytree(find_triton(None).home / "backends", home / "backends")
    shutil.copy2(find_triton(None).stub, home / "backends/python")
    (home / "bin").mkdir()
    server = home / "bin/tritonserver"
    server.write_text("#!/bin/sh\necho 'E1122 04:35:42.8 47 x.cc:1] \"no licence\"'; exit 1\n")
    server.chmod(0o755)
    settings = triton_settings(tmp_path / "models", tmp_path / "state", triton_server=server)
    with pytest.raises(StartError, match="ended while it started: no licence"):
        start_and_stop(settings)


def start_and_stop(settings: StackSettings) -> None:
    async def scenario() -> None:
        triton = EmbeddedTriton(settings, lambda text: None)
        try:
            await triton.start()
        finally:
            await triton.stop()

    asyncio.run(scenario())


class Slow(torch.nn.Module):
    """Busy for about a second, then returns what it was given."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        noise = torch.zeros(256, 256)
        for _ in range(3000):
            noise = noise @ noise
        return x + noise[0, 0]


def write_slow(repository: Path) -> None:
    version = write_config(
        repository / "slow",
        backend="pytorch",
        inputs=[("x", "FP32", [1])],
        outputs=[("y", "FP32", [1])],
    )
    save_script(Slow(), version / "model.pt")


PARENT = """
import asyncio, sys
from pathlib import Path
from stack.settings import StackSettings
from stack.triton import EmbeddedTriton

async def main():
    folder, http, grpc, metrics = Path(sys.argv[1]), *map(int, sys.argv[2:])
    settings = StackSettings(
        model_repository=folder / "models", state_dir=folder / "state",
        triton_http_port=http, triton_grpc_port=grpc, triton_metrics_port=metrics,
    )
    triton = EmbeddedTriton(settings, print)
    await triton.start()
    print("ready", flush=True)
    await triton.run()

asyncio.run(main())
"""


def _busy(triton: RunningTriton) -> bool:
    stubs = living_stubs(triton.pid, triton.repository)
    return any((stat := read_stat(stub.pid)) and stat.state == "R" for stub in stubs)


def _is_ours(pid: int, folder: Path) -> bool:
    arguments = command_line(pid)
    return bool(arguments) and "triton" in arguments[0] and str(folder) in " ".join(arguments)


def _alive(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.alive
