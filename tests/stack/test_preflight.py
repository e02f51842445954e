"""Every check with facts given, and this machine as it is."""

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stack.errors import PreflightError
from stack.preflight import Machine, check_hosts, check_machine, checks, require
from tests.stack.running_triton import triton_settings

FIT = Machine(
    system="Linux",
    architecture="x86_64",
    python_version=(3, 11),
    libpython=Path("/usr/lib/libpython3.11.so.1.0"),
    package_versions={
        "nvidia-pytriton": "0.7.0",
        "torch": "2.13.0",
        "onnxruntime": "1.31.1",
        "numpy": "1.26.4",
    },
    shm_free_bytes=1 << 30,
    ports={"CONCH_PORT": 8080, "CONCH_TRITON_HTTP_PORT": 8000},
    port_holders={8080: None, 8000: None},
    shell_paths={
        "CONCH_MODEL_REPOSITORY": Path("/srv/models-2"),
        "CONCH_STATE_DIR": Path("/é/.c_1"),
    },
    orphans=[],
    server=Path("/venv/tritonserver"),
    server_problem="",
    server_has_own_backends=False,
)


def test_a_fit_machine_passes() -> None:
    results = checks(FIT)
    require(results)
    assert all(check.ok for check in results)


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        ({"system": "Darwin", "architecture": "arm64"}, "platform", ["Darwin arm64", "docker"]),
        ({"python_version": (3, 10)}, "python", ["3.10", "3.11 or 3.12"]),
        ({"libpython": None}, "libpython", ["shared libpython", "apt install libpython3.11"]),
        (
            {"package_versions": {"numpy": "1.26.4", "torch": "2.13.0"}},
            "packages",
            ["nvidia-pytriton, onnxruntime", 'pip install "conch[embedded]"'],
        ),
        (
            {"package_versions": FIT.package_versions | {"numpy": "2.4.1"}},
            "numpy",
            ["numpy is 2.4.1", "empty outputs", 'pip install "numpy<2"'],
        ),
        ({"server": None, "server_problem": "none at /absent"}, "tritonserver", ["/absent"]),
        ({"shm_free_bytes": 10 << 20}, "shared memory", ["10 MiB free", "--shm-size"]),
        (
            {"port_holders": {8080: None, 8000: "process 812 (nginx)"}},
            "ports",
            ["Port 8000", "process 812 (nginx)", "CONCH_TRITON_HTTP_PORT"],
        ),
        (
            {"shell_paths": {"CONCH_MODEL_REPOSITORY": Path("/my models")}},
            "paths",
            ["/my models", '" "', "shell", "name another with CONCH_MODEL_REPOSITORY"],
        ),
        (
            {"shell_paths": {"CONCH_STATE_DIR": Path("/a;b/.conch")}},
            "paths",
            ["/a;b/.conch", '";"', "CONCH_STATE_DIR"],
        ),
        (
            {"ports": {"CONCH_PORT": 8080, "CONCH_ADMIN_PORT": 8080}},
            "ports",
            ["CONCH_PORT and CONCH_ADMIN_PORT are both 8080"],
        ),
    ],
)
def test_what_is_missing_is_said_with_its_cure(
    change: dict[str, Any], name: str, words: list[str]
) -> None:
    results = checks(replace(FIT, **change))
    assert [check.name for check in results if not check.ok] == [name]
    with pytest.raises(PreflightError) as caught:
        require(results)
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)


def test_a_server_with_backends_of_its_own_needs_nothing_of_this_python() -> None:
    container = replace(
        FIT,
        server_has_own_backends=True,
        shell_paths={"CONCH_STATE_DIR": Path("/with space")},
        libpython=None,
        package_versions={},
        python_version=(3, 9),
    )
    assert all(check.ok for check in checks(container))


def test_a_held_port_is_found_with_its_holder(tmp_path: Path) -> None:
    settings = triton_settings(tmp_path, tmp_path)
    port = settings.triton_http_port
    assert all(check.ok for check in check_machine(settings, settings.triton_ports))
    with socket.create_server(("127.0.0.1", port)):
        results = check_machine(settings, settings.triton_ports)
        [ports] = [check for check in results if check.name == "ports"]
        assert not ports.ok
        assert f"Port {port}" in ports.detail
        assert f"process {os.getpid()}" in ports.detail
        assert all(check.ok for check in check_machine(settings, {}))


def test_a_port_of_an_orphan_is_free_because_the_next_start_ends_it(tmp_path: Path) -> None:
    settings = triton_settings(tmp_path, tmp_path)
    with socket.create_server(("127.0.0.1", settings.triton_http_port)):
        results = check_machine(settings, settings.triton_ports, [os.getpid()])
    assert all(check.ok for check in results)
    [left] = [check.detail for check in results if check.name == "left over"]
    assert f"process {os.getpid()} (" in left and "the next start ends" in left


def test_an_address_of_another_machine_is_named() -> None:
    assert check_hosts({"CONCH_HOST": "::", "CONCH_ADMIN_HOST": "localhost"}).ok
    for host in ("203.0.113.1", "no-such-host.invalid", "a..b"):
        refused = check_hosts({"CONCH_HOST": "0.0.0.0", "CONCH_ADMIN_HOST": host})
        assert not refused.ok
        assert f"CONCH_ADMIN_HOST is {host}, where nothing can listen" in refused.detail
        assert "127.0.0.1" in refused.cure
