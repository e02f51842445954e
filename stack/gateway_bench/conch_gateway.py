"""The gateway itself: the real worker process with real records in SQLite."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from gateway import keys
from gateway.keys import NewKey
from gateway.limits import Budget, Concurrency, Measure, Metric, Period
from gateway.rates import Rate
from gateway.records.migrate import migrate
from gateway.records.store import Records
from gateway.settings import PREFIX, GatewaySettings
from stack.errors import UsageError
from stack.gateway_bench.processes import Server, running
from stack.gateway_bench.python_peers import ROOT, python_environment
from stack.gateway_bench.upstream import triton_urls

# Never reached, yet counted for each request.
_RATE = "1000000/s"
_MANY = 10**12
_TENANT = "bench"
Limits = Sequence[tuple[Metric, Measure]]
# Of the tenant, beside the key's rate: every kind of limit and every metric.
EVERY_LIMIT: Limits = (
    (Metric.REQUESTS, Concurrency(1_000_000)),
    (Metric.REQUESTS, Budget(_MANY, Period.DAY)),
    (Metric.SAMPLES, Rate(1_000_000, 1, 1_000_000)),
    (Metric.BYTES, Budget(_MANY, Period.MONTH)),
    (Metric.COMPUTE_MS, Budget(_MANY, Period.DAY)),
)
WORKER = ("-m", "gateway.worker")
# Where `make compiled` puts Conch as it is installed.
COMPILED = ROOT / "build" / "compiled"


def run_conch(
    name: str,
    state_dir: Path,
    *,
    port: int,
    triton_port: int,
    cores: frozenset[int],
    program: Sequence[str] = WORKER,
    code: Path = ROOT,
    tritons: int = 1,
) -> AbstractContextManager[Server]:
    """Run one worker of the Conch in `code` until the block ends; `make_records` comes first."""
    return running(
        name,
        [sys.executable, *program],
        port,
        cores=cores,
        folder=state_dir,
        environment=_environment(code, state_dir, port, triton_urls(triton_port, tritons)),
    )


def make_records(
    state_dir: Path,
    used: Sequence[NewKey],
    total: int,
    limits: Limits = (),
) -> None:
    """Records with the keys that are used, and others up to the total that are not; all are of one
    tenant, which has these limits."""
    state_dir.mkdir(parents=True, exist_ok=True)
    url = _records_url(state_dir)
    asyncio.run(migrate(url))
    _copy_key(state_dir / "conch.db", asyncio.run(_create_key(url, limits)), used, total)


def _environment(code: Path, state_dir: Path, port: int, urls: str) -> dict[str, str]:
    inherited = python_environment(code).items()
    others = {name: value for name, value in inherited if not name.startswith(PREFIX)}
    settings = {
        "CONCH_PORT": str(port),
        "CONCH_TRITON_URLS": urls,
        "CONCH_STATE_DIR": str(state_dir),
    }
    if "access_log" in GatewaySettings.model_fields:
        settings["CONCH_ACCESS_LOG"] = str(state_dir / "access.log")
    return others | settings


def require_compiled() -> Path:
    """Where the compiled Conch lies. Raises UsageError where it was not built."""
    if not any(COMPILED.glob("gateway/data/exchange.*.so")):
        raise UsageError(
            f"There is no compiled gateway in {COMPILED}; `make compiled` builds it, and "
            "--interpreted measures the sources as they are."
        )
    return COMPILED


def _records_url(state_dir: Path) -> str:
    return f"sqlite+aiosqlite:///{state_dir}/conch.db"


async def _create_key(url: str, limits: Limits) -> NewKey:
    records = Records(url)
    try:
        key = await records.create_key(_TENANT, rate=_RATE)
        for metric, measure in limits:
            await records.create_limit(_TENANT, measure, metric=metric)
        return key
    finally:
        await records.close()


def _copy_key(database: Path, model: NewKey, used: Sequence[NewKey], total: int) -> None:
    """More keys like the one there is: the store makes one a transaction, 100,000 take minutes."""
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM keys WHERE id = ?", (model.id,)).fetchone())
        columns = ", ".join(row)
        marks = ", ".join(f":{column}" for column in row)
        connection.executemany(
            f"INSERT INTO keys ({columns}) VALUES ({marks})",
            (
                row | {"id": key_id, "token_hash": token_hash}
                for key_id, token_hash in _identities(used, total)
            ),
        )
    connection.close()


def _identities(used: Sequence[NewKey], total: int) -> list[tuple[str, bytes]]:
    """Id and hash of each key; of one that is never used neither means anything."""
    known = [(key.id, keys.hash_token(key.token.encode())) for key in used]
    filling = range(total - len(used) - 1)
    return known + [(f"{number:0{keys.ID_LENGTH}}", os.urandom(32)) for number in filling]
