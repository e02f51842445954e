"""Has a worker show the certificate that lies in the files now, and tells when it expires."""

import asyncio
import os

import structlog
from prometheus_client import CollectorRegistry, Gauge

from gateway.data.server import Server
from gateway.tls import TlsReloader

POLL_S = 1.0

_log = structlog.get_logger()


async def follow_tls(server: Server, files: TlsReloader) -> None:
    """Give new connections the certificate that lies in the files now."""
    expiry = Gauge(
        "conch_tls_certificate_expiry_timestamp_seconds",
        "When the certificate that clients are shown ends to be valid.",
        registry=CollectorRegistry(),
        multiprocess_mode="livemin",
    )
    expiry.set(files.tls.expires_s)
    while True:
        await asyncio.sleep(POLL_S)
        before = files.tls.authorities
        if not files.reload():
            continue
        lost = before - files.tls.authorities
        server.use_tls(files.tls.context, has_lost_authorities=bool(lost))
        expiry.set(files.tls.expires_s)
        _log.info("tls_files_reloaded", pid=os.getpid())
