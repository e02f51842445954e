"""A real Prometheus with deploy/prometheus, which reads a stack that runs on this machine."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from stack.trial import free_ports
from tests.deploy.compose_file import ROOT
from tests.deploy.running_compose import RunningCompose
from tests.gateway.certificates import client_context
from tests.waiting import wait_until

RULES = ROOT / "deploy" / "prometheus"
# In place of $__rate_interval; scrapes are a second apart.
RATE_INTERVAL = "15s"
_BUDGET = ("--metric", "samples", "--budget", "1000000/day")
_BODY = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32"}]}


@dataclass(frozen=True)
class Series:
    """One line of a graph, as of now."""

    labels: dict[str, str]
    value: float


@dataclass
class RunningPrometheus:
    """Asked as Grafana asks it."""

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """`ask("query", query="up")`."""
        answer = httpx2.get(f"{self.url}/api/v1/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def series(self, query: str) -> list[Series]:
        """What a panel's query answers."""
        data = self.ask("query", query=query.replace("$__rate_interval", RATE_INTERVAL))
        if data["resultType"] == "scalar":
            return [Series({}, float(data["result"][1]))]
        return [Series(one["metric"], float(one["value"][1])) for one in data["result"]]


@contextmanager
def running_prometheus(folder: Path, compose: RunningCompose) -> Iterator[RunningPrometheus]:
    """Its configuration is the repository's, with addresses of this machine and less patience."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not on the path; `make test` unpacks Debian's")
    (port,) = free_ports(1)
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(_configuration(compose, port)))
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    running = RunningPrometheus(f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: process.poll() is not None or _is_ready(running.url), 30)
        assert process.poll() is None, (folder / "log").read_text()
        yield running
    finally:
        process.terminate()
        process.wait(30)


def _configuration(compose: RunningCompose, port: int) -> dict[str, Any]:
    given: dict[str, Any] = yaml.safe_load((RULES / "prometheus.yml").read_text())
    addresses = {
        "gateway": compose.admin_url.removeprefix("http://"),
        "triton": compose.triton_metrics,
        "prometheus": f"127.0.0.1:{port}",
    }
    jobs = [job["job_name"] for job in given["scrape_configs"]]
    return given | {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"},
        "rule_files": [str(RULES / name) for name in given["rule_files"]],
        "alerting": {},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [addresses[job]]}]} for job in jobs
        ],
    }


def _is_ready(url: str) -> bool:
    with suppress(httpx2.TransportError):
        return httpx2.get(f"{url}/-/ready").status_code == 200
    return False


@contextmanager
def some_traffic(compose: RunningCompose) -> Iterator[None]:
    """Clients with a budget, a rate that is too small and a mistake, for as long as the block."""
    create = ("keys", "create", "--tenant")
    keys = [
        compose.conch(*create, "acme"),
        compose.conch(*create, "beta", "--rate", "5/s", "--burst", "5"),
    ]
    compose.conch("limits", "add", "--tenant", "acme", *_BUDGET)
    is_over = threading.Event()
    clients = [threading.Thread(target=_call, args=(compose, key, is_over)) for key in keys]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        is_over.set()
        for client in clients:
            client.join()


def _call(compose: RunningCompose, key: str, is_over: threading.Event) -> None:
    """A few times the same, which the cache knows then."""
    context = client_context(compose.authority)
    headers = {"Authorization": f"Bearer {key}"}
    number = 0
    with httpx2.Client(verify=context, headers=headers) as client:
        while not is_over.wait(0.02):
            number += 1
            for model in ("doubler", "cached", "none"):
                tensor = _BODY["inputs"][0] | {"data": [number // 2, 1]}
                url = f"{compose.url}/v2/models/{model}/infer"
                client.post(url, json={"inputs": [tensor]})
