"""Puts one worker of the data plane together and runs it until it is told to end."""

import asyncio
import os
import signal
import time
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import mark_process_dead
from sqlalchemy.exc import SQLAlchemyError

from gateway.data.access_log import AccessLog
from gateway.data.attempts import PER_ADDRESS, Allowance, Attempts
from gateway.data.auth import Authenticator, FindKey
from gateway.data.gate import Gate, Times
from gateway.data.limits import TokenBuckets
from gateway.data.metrics import Metrics
from gateway.data.server import Server
from gateway.data.upstream import Pool
from gateway.errors import ConfigurationError, RecordsUnavailable
from gateway.keys import Key
from gateway.last_used_writer import keep_writing, write_last_used
from gateway.records.migrate import require_current
from gateway.records.store import Records
from gateway.settings import GatewaySettings

POLL_S = 0.25
# How long known keys go on working when it cannot be read whether they were revoked.
TRUST_S = 60.0
# Below the 30 s that supervisors usually wait before they kill.
DRAIN_S = 25.0

_log = structlog.get_logger()


async def serve(settings: GatewaySettings) -> None:
    """Answer clients until SIGTERM or SIGINT, then let what is in flight finish."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await require_current(settings.records_url)
    records = Records(settings.records_url)
    authenticator = _authenticator(settings, records)
    seen = await records.last_change()
    server = Server(_gate(settings, authenticator))
    await _listen(server, settings)
    polling = loop.create_task(_follow_changes(records, authenticator, seen))
    writing = loop.create_task(keep_writing(records, authenticator.last_used))
    _log.info("worker_ready", host=settings.host, port=server.port)
    await stop.wait()
    _log.info("worker_draining", limit_s=DRAIN_S)
    await server.drain(DRAIN_S)
    polling.cancel()
    writing.cancel()
    await write_last_used(records, authenticator.last_used)
    await records.close()
    mark_process_dead(os.getpid())


def triton_address(urls: str) -> tuple[str, int]:
    """`"http://127.0.0.1:8000"` -> `("127.0.0.1", 8000)`."""
    parts = urlsplit(urls)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "http" or not parts.hostname or port is None or parts.path not in ("", "/"):
        raise ConfigurationError(
            f"CONCH_TRITON_URLS is {urls!r}; write one address as http://127.0.0.1:8000"
        )
    return parts.hostname, port


def _gate(settings: GatewaySettings, authenticator: Authenticator) -> Gate:
    host, port = triton_address(settings.triton_urls)
    return Gate(
        authenticator=authenticator,
        buckets=TokenBuckets(),
        pool=Pool(host, port, max_connections=settings.upstream_connections),
        metrics=Metrics(CollectorRegistry()),
        max_body_bytes=settings.max_body_bytes,
        max_connections=settings.max_connections,
        times=Times(upstream_s=settings.upstream_timeout_s, request_s=settings.request_timeout_s),
        access_log=_access_log(settings),
        now_s=time.monotonic,
        now_ns=time.monotonic_ns,
    )


def _access_log(settings: GatewaySettings) -> AccessLog | None:
    if not settings.access_log:
        return None
    try:
        return AccessLog(settings.access_log)
    except OSError as error:
        raise ConfigurationError(
            f"CONCH_ACCESS_LOG {settings.access_log} cannot be written ({error.strerror}); "
            "name another file."
        ) from error


async def _listen(server: Server, settings: GatewaySettings) -> None:
    try:
        await server.start(settings.host, settings.port)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
            "end what uses it or set CONCH_HOST and CONCH_PORT."
        ) from error


def _authenticator(settings: GatewaySettings, records: Records) -> Authenticator:
    burst = settings.max_failures_per_address
    return Authenticator(
        _readable(records.find_key),
        find_subject=_readable(records.find_subject),
        attempts=Attempts(Allowance(burst, PER_ADDRESS.refill_s) if burst else None),
    )


def _readable(read: FindKey) -> FindKey:
    async def find(wanted: str) -> Key | None:
        try:
            return await read(wanted)
        except (SQLAlchemyError, OSError) as error:
            _log.error("records_unreadable", error=str(error))
            raise RecordsUnavailable("Keys cannot be read just now; try again.") from error

    return find


async def _follow_changes(records: Records, authenticator: Authenticator, seen: int) -> None:
    """Evict what changed: a key revoked anywhere is refused here within a second."""
    clock = asyncio.get_running_loop().time
    failing_since_s: float | None = None
    while True:
        await asyncio.sleep(POLL_S)
        try:
            last, key_ids = await records.changes_since(seen)
        except Exception as error:  # whatever it is, revocation must not end with it
            if failing_since_s is None:
                _log.error("changes_unreadable", error=str(error))
                failing_since_s = clock()
            elif clock() - failing_since_s > TRUST_S:
                authenticator.evict_all()
            continue
        failing_since_s = None
        if last < seen:
            # Other records, as after a restore from a backup.
            authenticator.evict_all()
        elif key_ids:
            authenticator.evict(key_ids)
        seen = last
