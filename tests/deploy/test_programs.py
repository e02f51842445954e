"""Command lines of others' programs in docker-compose.yml, tried with the programs themselves."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from stack.trial import free_ports
from stack.triton_install import find_triton, server_environment
from tests.deploy.compose_file import ROOT, all_services
from tests.deploy.test_prometheus import tool
from tests.waiting import wait_until


def flags(name: str) -> set[str]:
    return {word.partition("=")[0] for word in all_services()[name]["command"] if word[:2] == "--"}


def test_triton_knows_its_flags() -> None:
    install = find_triton(None)
    done = subprocess.run(
        [install.binary, "--help"], env=server_environment(install), capture_output=True, text=True
    )
    assert flags("triton") == flags("triton-gpu")
    assert flags("triton") <= set(re.findall(r"--[a-z-]+", done.stdout + done.stderr))


def test_prometheus_knows_its_flags() -> None:
    done = subprocess.run([tool("prometheus"), "--help"], capture_output=True, text=True)
    assert flags("prometheus") <= set(re.findall(r"--[a-z.-]+", done.stdout + done.stderr))


def test_master_and_worker_of_locust_find_each_other(tmp_path: Path) -> None:
    # Imported here it would change the sockets of this process.
    if importlib.util.find_spec("locust") is None:
        pytest.skip("Locust comes with the extra [loadtest]")
    web, bus = free_ports(2)
    (tmp_path / "api-key").write_text("ck_none")
    here = {"--web-host=0.0.0.0": f"--web-host=127.0.0.1 --web-port={web}"}
    with ExitStack() as parts:
        master = locust("loadtest", tmp_path, here, f"--master-bind-port={bus}")
        parts.enter_context(master)
        probe = all_services()["loadtest"]["healthcheck"]["test"]
        asked = [word.replace(":8089", f":{web}") for word in probe[2:]]
        wait_until(lambda: _succeeds([sys.executable, *asked]), 40)
        there = {"--master-host=loadtest": "--master-host=127.0.0.1"}
        parts.enter_context(locust("loadtest-worker", tmp_path, there, f"--master-port={bus}"))
        wait_until(lambda: _workers(web) == 1, 40)


@contextmanager
def locust(
    name: str, folder: Path, here: dict[str, str], *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The service's own command, with addresses of this machine."""
    shell, option, script, *words = all_services()[name]["command"]
    assert (shell, option) == ("sh", "-c")
    command = [shell, option, script.replace("$$", "$").replace("/credentials", str(folder))]
    for word in words:
        word = re.sub("/opt/.*/site-packages", str(ROOT), word)
        command += here.get(word, word).split()
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    environment = {"PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *arguments], env=environment, cwd=folder, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def _workers(port: int) -> int:
    return len(httpx2.get(f"http://127.0.0.1:{port}/stats/requests").json()["workers"])
