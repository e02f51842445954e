"""Every contender of the benchmark does the work that it is measured at."""

import asyncio
from pathlib import Path

import pytest

from gateway.records.store import Records
from stack.gateway_bench.conch_gateway import make_records
from stack.gateway_bench.sections import NGINX
from stack.gateway_bench.traffic import ANSWER, new_keys
from tests.stack.gateway_bench.servers import assert_knows_its_keys, stand
from tests.waiting import wait_until


def test_nginx_passes_on_what_has_a_key_and_writes_it_down(tmp_path: Path) -> None:
    key, stranger = new_keys(2)
    with stand(tmp_path) as place:
        serving, _ = place.nginx(NGINX, [key])
        with serving as server:
            assert_knows_its_keys(server, key, stranger, ANSWER.encode())
            # It gathers lines for up to a second.
            lines = wait_until(lambda: (tmp_path / NGINX / "access.log").read_text().splitlines())
    assert [f'"key":"{key.id}"' in line for line in lines] == [True, False]


def test_the_gateway_passes_on_what_has_a_key_and_writes_it_down(tmp_path: Path) -> None:
    key, stranger = new_keys(2)
    with stand(tmp_path) as place, place.conch("conch", [key]) as server:
        assert_knows_its_keys(server, key, stranger, ANSWER.encode())
    lines = (tmp_path / "conch" / "access.log").read_text().splitlines()
    assert [f'"principal":"{key.id}"' in line for line in lines] == [True, False]


@pytest.mark.parametrize(
    ("module", "options"),
    [("aiohttp_proxy", ()), ("aiohttp_proxy", ("uvloop",)), ("fastapi_proxy", ())],
)
def test_a_python_proxy_passes_on_what_has_a_key(
    tmp_path: Path, module: str, options: tuple[str, ...]
) -> None:
    key, stranger = new_keys(2)
    with stand(tmp_path) as place, place.peer(module, [key], *options) as server:
        assert_knows_its_keys(server, key, stranger, ANSWER.encode())


def test_records_hold_the_keys_that_are_used_and_others(tmp_path: Path) -> None:
    used = new_keys(3)
    make_records(tmp_path, used, 50)

    async def look() -> tuple[int, list[str]]:
        records = Records(f"sqlite+aiosqlite:///{tmp_path}/conch.db")
        try:
            found = [await records.find_key(key.id) for key in used]
            return await records.key_count(), [str(key.limit) for key in found if key]
        finally:
            await records.close()

    assert asyncio.run(look()) == (50, ["1000000/s"] * 3)
