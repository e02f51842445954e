"""Puts one worker of the data plane together and runs it until it is told to end."""

import asyncio
import contextlib
import os
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import mark_process_dead

from gateway.compiled import is_compiled
from gateway.data.access_log import AccessLog
from gateway.data.attempts import PER_ADDRESS, Allowance, Attempts
from gateway.data.auth import Authenticator
from gateway.data.gate import Gate, Times
from gateway.data.metrics import Metrics
from gateway.data.replicas.group import Replicas
from gateway.data.replicas.metrics import ReplicaMetrics
from gateway.data.replicas.replica import Address, Replica, new_replica
from gateway.data.replicas.resolving import Names, follow_names
from gateway.data.replicas.watch import Watch
from gateway.data.server import Server
from gateway.data.tenant_verifier import TenantVerifier
from gateway.ending import Ending
from gateway.errors import ConfigurationError
from gateway.following_records import follow_changes, readable
from gateway.inheritance import Inheritance
from gateway.last_used_writer import keep_writing, write_last_used
from gateway.listening import cannot_listen, open_listeners
from gateway.open_files import most_connections
from gateway.quota_store import open_quotas
from gateway.quotas.holder import Holder
from gateway.records.migrate import require_current
from gateway.records.store import Records
from gateway.settings import MAX_CONNECTIONS, GatewaySettings
from gateway.tls import TlsReloader, tls_files
from gateway.tls_following import follow_tls
from gateway.triton_urls import triton_addresses
from gateway.usage.writer import UsageWriter

if TYPE_CHECKING:
    from gateway.data.tokens.verifier import JwtVerifier

# Clients wait for it: of many leases of a dead worker not all are ended before.
REAP_FIRST_S = 0.5

_log = structlog.get_logger()


async def serve(settings: GatewaySettings, inherited: Inheritance | None = None) -> None:
    """Answer clients until SIGTERM or SIGINT, then let what is in flight finish.

    With an inheritance it accepts on sockets that others have too, and retires when told so.
    """
    ending = Ending()
    files = tls_files(settings)
    tls = None if files is None else TlsReloader(files)
    await require_current(settings.records_url)
    records = Records(settings.records_url)
    verifier = _verifier(settings)
    authenticator = _authenticator(settings, records, verifier)
    seen = await records.last_change()
    quotas, reaper = await open_quotas(settings)
    registry = CollectorRegistry()
    names = Names([Address(host, port) for host, port in triton_addresses(settings.triton_urls)])
    tritons = {address: _triton(address, settings) for address in await names.look_up()}
    gate = _gate(settings, authenticator, quotas.holder, tritons.values(), registry)
    watch = Watch(gate.replicas, ReplicaMetrics(registry).publish)
    await watch.begin()
    server = Server(gate)
    usage = UsageWriter(
        records.usage, gate.usage, settings.state_dir / "usage", gate.metrics.tenants.observe
    )
    usage.start()
    quotas.start()
    # Of the worker in whose place this one is; what takes longer goes on below.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REAP_FIRST_S):
            await reaper.reap()
    await _listen(server, settings, inherited, tls)
    tasks = [
        asyncio.create_task(follow_changes(records, authenticator, quotas.holder, seen)),
        asyncio.create_task(keep_writing(records, authenticator.last_used)),
        asyncio.create_task(watch.run()),
        asyncio.create_task(reaper.run()),
        asyncio.create_task(
            follow_names(gate.replicas, names, tritons, lambda one: _triton(one, settings))
        ),
    ]
    following_tls = None if tls is None else asyncio.create_task(follow_tls(server, tls))
    if verifier is not None:
        verifier.start()
    if inherited is not None:
        ending.follow(inherited.open_control())
    _log.info(
        "worker_ready",
        pid=os.getpid(),
        host=settings.host,
        port=server.port,
        compiled=is_compiled(),
    )
    await ending.begun.wait()
    if following_tls is not None:
        # Who drains accepts nobody to whom a new certificate could be shown.
        tasks.append(following_tls)
        following_tls.cancel()
    await _drain(server, gate, settings, ending)
    for task in tasks:
        task.cancel()
    # A look at the records that is cut short would wait for ever once they are closed.
    await asyncio.gather(*tasks, return_exceptions=True)
    # Side by side: who waits for a slow disk must not keep the other from its time.
    await asyncio.gather(quotas.close(), usage.finish())
    await write_last_used(records, authenticator.last_used)
    if verifier is not None:
        await verifier.close()
    await records.close()
    mark_process_dead(os.getpid())


async def _drain(server: Server, gate: Gate, settings: GatewaySettings, ending: Ending) -> None:
    """Answers close their connections from here on, as nginx and Envoy do, so clients move on.

    A worker that is replaced accepts no more at once and stays ready: its successor is.
    """
    gate.is_draining = True
    _log.info("worker_draining", pid=os.getpid(), limit_s=settings.drain_timeout_s)
    if not ending.is_retirement:
        gate.is_ready = False
        await asyncio.sleep(settings.drain_delay_s)
    await server.drain(settings.drain_timeout_s)


def _triton(address: Address, settings: GatewaySettings) -> Replica:
    return new_replica(address, settings.upstream_connections)


def _gate(
    settings: GatewaySettings,
    authenticator: Authenticator,
    quotas: Holder,
    tritons: Collection[Replica],
    registry: CollectorRegistry,
) -> Gate:
    return Gate(
        authenticator=authenticator,
        quotas=quotas,
        replicas=Replicas(tritons, now_s=time.monotonic),
        metrics=Metrics(registry),
        max_body_bytes=settings.max_body_bytes,
        max_json_bytes=settings.max_json_bytes,
        max_connections=most_connections(
            settings.max_connections,
            # One more for the gateway's own questions.
            len(tritons) * (settings.upstream_connections + 1),
            has_tls=settings.tls_certificate is not None,
            was_asked_for=settings.max_connections != MAX_CONNECTIONS,
        ),
        times=Times(upstream_s=settings.upstream_timeout_s, request_s=settings.request_timeout_s),
        hedge_after_s=settings.hedge_after_ms / 1000,
        access_log=_access_log(settings),
        now_s=time.monotonic,
    )


def _access_log(settings: GatewaySettings) -> AccessLog | None:
    if not settings.access_log:
        return None
    try:
        return AccessLog(settings.access_log, share=settings.access_log_share)
    except OSError as error:
        raise ConfigurationError(
            f"CONCH_ACCESS_LOG {settings.access_log} cannot be written ({error.strerror}); "
            "name another file."
        ) from error


async def _listen(
    server: Server,
    settings: GatewaySettings,
    inherited: Inheritance | None,
    tls: TlsReloader | None,
) -> None:
    if inherited is None:
        listeners = open_listeners(settings.host, settings.port)[0]
    else:
        listeners = inherited.open_listeners()
    try:
        await server.start(listeners, tls.tls.context if tls else None)
    except OSError as error:
        raise cannot_listen(settings.host, settings.port, error) from error


def _verifier(settings: GatewaySettings) -> "JwtVerifier | None":
    if not settings.token_issuers:
        return None
    # joserfc and httpx2 take 12 MB; without issuers they are left out.
    from gateway.data.tokens.verifier import jwt_verifier

    return jwt_verifier(settings.token_issuers)


def _authenticator(
    settings: GatewaySettings, records: Records, verifier: "JwtVerifier | None"
) -> Authenticator:
    burst = settings.max_failures_per_address
    tenants = readable(records.tenant_terms)
    return Authenticator(
        readable(records.find_key),
        find_subject=readable(records.find_subject),
        verifier=None if verifier is None else TenantVerifier(verifier, tenants),
        attempts=Attempts(Allowance(burst, PER_ADDRESS.refill_s) if burst else None),
    )
