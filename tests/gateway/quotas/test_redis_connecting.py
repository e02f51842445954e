"""The way to Redis: what CONCH_REDIS_URL may say, and what an operator is told is wrong with it."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs

from gateway.errors import ConfigurationError
from gateway.quotas.open_redis import open_redis
from gateway.quotas.redis_faults import PERMISSIONS
from gateway.quotas.redis_health import check_info
from tests.gateway.fake_tls_redis import fake_tls_redis
from tests.gateway.processes import free_port
from tests.gateway.quotas.asks import TEN_SLOTS, ask_of, renewal_of
from tests.gateway.redis_server import RedisServer, running_redis
from tests.waiting import wait_until

SECRET = "s3cret-word"


async def use(url: str, renewals: int = 1) -> list[int | None]:
    """Check the Redis there, and take a slot for so many tenants."""
    store = open_redis(url)
    try:
        await store.check()
        asked = [
            renewal_of(ask_of(TEN_SLOTS, needs=1), tenant=f"way-{index}")
            for index in range(renewals)
        ]
        answers = await store.renew(asked)
        return [answer and answer.given[0].granted for answer in answers]
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"{SECRET}@host:6379", "none of the forms"),
        (f"http://:{SECRET}@host:6379", "none of the forms"),
        (f"redis://:{SECRET}@host:637900", "no port between"),
        (f"redis://:{SECRET}@host:{SECRET}", "no port between"),
        (f"redis://:{SECRET}@:6379/0", "redis://:6379 has no host"),
        (f"redis://:{SECRET}@host:0/0", "redis://host:0 has no host or no port"),
        (f"redis://:{SECRET}@host/zero", "redis://host has no number of a database"),
        (f"redis://:{SECRET}@host/1/2", "redis://host has no number of a database"),
        ("redis://name/s3cret-word@host/0", "redis://name has no number of a database"),
        (f"unix://:{SECRET}@", "unix:// has no path"),
        (f"rediss://:{SECRET}@host?ssl_cert_reqs=none", "an option 'ssl_cert_reqs'"),
        (f"redis://:{SECRET}@host?cluster=perhaps", "cluster=perhaps is not yes or no"),
        (f"unix://:{SECRET}@/run/redis.sock?db=x", "db=x is not a number"),
    ],
)
def test_a_url_that_leads_nowhere_is_told_and_its_password_is_not(url: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        open_redis(url)
    assert told in str(raised.value)
    assert SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_package_is_told_with_the_command_that_installs_it() -> None:
    program = """
import sys
sys.modules["redis"] = None
from gateway.errors import ConfigurationError
from gateway.quotas.open_redis import open_redis
try:
    open_redis("redis://localhost")
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert "the package redis is not installed; run: pip install 'conch[redis]'" in done.stdout


def test_a_database_may_be_named(redis_server: RedisServer) -> None:
    assert asyncio.run(use(f"{redis_server.url}?db=3")) == [1]
    with redis_server.client(db=3) as client:
        assert client.exists("conch:quotas1:mark")


def test_redis_may_be_reached_by_tcp(tmp_path: Path) -> None:
    port = free_port()
    with running_redis(tmp_path, "--port", str(port), "--bind", "127.0.0.1"):
        assert asyncio.run(use(f"redis://127.0.0.1:{port}/0")) == [1]


def test_a_redis_that_is_away_is_no_fault_of_the_settings() -> None:
    with capture_logs() as logs:
        assert asyncio.run(use(f"redis://:{SECRET}@127.0.0.1:{free_port()}")) == [None]
    assert [log["event"] for log in logs] == ["redis_fails"]
    assert SECRET not in str(logs)


@pytest.mark.parametrize("user", ["", "nobody"])
def test_a_wrong_password_is_told(tmp_path: Path, user: str) -> None:
    with running_redis(tmp_path, "--requirepass", "right") as server:
        url = server.url.replace("unix://", f"unix://{user}:{SECRET}@")
        with pytest.raises(ConfigurationError, match="refuses the user or password") as raised:
            asyncio.run(use(url))
    assert SECRET not in str(raised.value)


def test_no_password_where_one_is_needed_is_told(tmp_path: Path) -> None:
    with (
        running_redis(tmp_path, "--requirepass", "right") as server,
        pytest.raises(ConfigurationError, match="refuses the user or password"),
    ):
        asyncio.run(use(server.url))


def test_a_database_that_the_server_does_not_have_is_told(tmp_path: Path) -> None:
    with (
        running_redis(tmp_path) as server,
        pytest.raises(ConfigurationError, match="DB index is out of range"),
    ):
        asyncio.run(use(f"{server.url}?db=99"))


def test_a_password_may_have_any_character(tmp_path: Path) -> None:
    with running_redis(tmp_path, "--requirepass", "a:b@c/d") as server:
        url = server.url.replace("unix://", "unix://:a%3Ab%40c%2Fd@")
        assert asyncio.run(use(url)) == [1]


def test_the_permissions_that_are_named_suffice(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "conch", "on", ">pw", *PERMISSIONS.split())
        url = server.url.replace("unix://", "unix://conch:pw@")
        with capture_logs() as logs:
            assert asyncio.run(use(f"{url}?db=1")) == [1]
        assert [log["event"] for log in logs] == ["redis_keeps_no_log"]


@pytest.mark.parametrize("missing", ["+eval", "+mget", "+set", "+time", "~conch:*"])
def test_a_permission_that_is_missing_is_told(tmp_path: Path, missing: str) -> None:
    allowed = [rule for rule in PERMISSIONS.split() if not rule.startswith(missing)]
    with running_redis(tmp_path) as server:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "conch", "on", ">pw", *allowed)
        url = server.url.replace("unix://", "unix://conch:pw@")
        with pytest.raises(ConfigurationError, match="does not allow its user what Conch needs"):
            asyncio.run(use(url))


def test_tls_is_spoken_to_who_shows_a_certificate_of_the_authority(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def main() -> None:
        async with fake_tls_redis(redis_server.socket, authority) as port:
            url = f"rediss://localhost:{port}"
            assert await use(f"{url}?ssl_ca_certs={tmp_path / 'ca.pem'}") == [1]
            with capture_logs() as logs:
                assert await use(url) == [None]
            assert "certificate verify failed" in logs[0]["reason"]

    asyncio.run(main())


def test_too_old_a_redis_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"version 6\.0\.16; Conch needs 6\.2 or newer"):
        check_info({"redis_version": "6.0.16"}, is_cluster=False)


@pytest.mark.parametrize("version", ["6.2.5", "10.0.1", "255.255.255", "unstable", None])
def test_another_redis_is_taken(version: str | None) -> None:
    check_info({"redis_version": version}, is_cluster=False)


def test_the_page_names_the_permissions() -> None:
    page = Path(__file__).parents[3] / "docs" / "quotas_redis.md"
    assert f"ACL SETUSER conch on >PASSWORD {PERMISSIONS}\n" in page.read_text()


def test_a_redis_that_evicts_is_warned_of() -> None:
    info = {"redis_version": "7.2.4", "maxmemory": 1_000_000, "maxmemory_policy": "allkeys-lru"}
    with capture_logs() as logs:
        check_info(info, is_cluster=False)
    assert [(log["event"], log["policy"]) for log in logs] == [("redis_evicts", "allkeys-lru")]


@contextmanager
def running_cluster(directory: Path) -> Iterator[str]:
    """Two nodes, each with half of the slots; yields where one of them is."""
    ports = [cluster_port(), cluster_port()]
    with ExitStack() as stack:
        nodes = []
        for port in ports:
            folder = directory / str(port)
            folder.mkdir()
            options = ("--port", str(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes")
            nodes.append(stack.enter_context(running_redis(folder, *options)))
        clients = [stack.enter_context(node.client()) for node in nodes]
        clients[0].execute_command("CLUSTER ADDSLOTS", *range(8192))
        clients[1].execute_command("CLUSTER ADDSLOTS", *range(8192, 16384))
        clients[0].execute_command("CLUSTER MEET", "127.0.0.1", ports[1])
        for client in clients:
            wait_until(lambda client=client: knows_both(client))
        yield f"redis://127.0.0.1:{ports[0]}"


def cluster_port() -> int:
    """Nodes of a cluster talk to each other on a port that is higher by 10,000."""
    return next(port for port in iter(free_port, None) if port < 55_000)


def knows_both(client: Any) -> bool:
    slots = client.execute_command("CLUSTER SLOTS")
    state = client.execute_command("CLUSTER INFO")["cluster_state"]
    return state == "ok" and len(slots) == 2


def test_a_cluster_keeps_each_tenant_on_one_of_its_nodes(tmp_path: Path) -> None:
    with running_cluster(tmp_path) as url:
        with pytest.raises(ConfigurationError, match=r"add \?cluster=yes"):
            asyncio.run(use(url))
        assert asyncio.run(use(f"{url}?cluster=yes", renewals=40)) == [1] * 40
