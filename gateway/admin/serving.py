"""Runs the admin plane on uvicorn: its socket, its TLS, and whether it may listen at all."""

import asyncio
import contextlib
import ipaddress
import socket
from typing import cast

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.admin.access import PEER
from gateway.admin.app import create_app
from gateway.data.peer import Peer, peer_of
from gateway.errors import ConfigurationError
from gateway.records.migrate import require_current
from gateway.records.store import Records
from gateway.settings import GatewaySettings
from gateway.tls import TlsFiles, TlsReloader, admin_tls_files

TLS_POLL_S = 1.0
# On SIGTERM: longest wait for requests in flight, and for clients to take leave.
GRACE_S = 5

_log = structlog.get_logger()


async def serve(settings: GatewaySettings) -> None:
    """Answer until SIGTERM or SIGINT. Raises ConfigurationError if that cannot be."""
    files = admin_tls_files(settings)
    tls = None if files is None else TlsReloader(files)
    await require_current(settings.records_url)
    records = Records(settings.records_url)
    with _listen(settings) as listener:
        is_loopback = ipaddress.ip_address(listener.getsockname()[0]).is_loopback
        if not is_loopback:
            await _require_admin(records, settings)
        app = create_app(
            settings.state_dir,
            records,
            is_loopback=is_loopback,
            may_be_open=settings.admin_tls_client_ca is None,
        )
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            # Whoever set these fields could name any address.
            proxy_headers=False,
        )
        config.load()
        following = None
        if files is not None and tls is not None:
            config.ssl = tls.tls.context
            following = asyncio.create_task(_follow(files, tls))
        await uvicorn.Server(config).serve(sockets=[listener])
        if following is not None:
            following.cancel()


class _Protocol(HttpToolsProtocol):
    """uvicorn's own, telling the application whose certificate the client has shown."""

    _peer = Peer("")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._peer = peer_of(transport)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {PEER: {PEER: self._peer}}


async def _require_admin(records: Records, settings: GatewaySettings) -> None:
    """Who listens where other machines call must be able to tell who calls."""
    if any(admin.revoked is None for admin in await records.list_admins()):
        return
    await records.close()
    raise ConfigurationError(
        f"CONCH_ADMIN_HOST {settings.admin_host} is reached from other machines, and there is no "
        "admin; `conch admins create NAME` makes one, or leave it at 127.0.0.1."
    )


async def _follow(files: TlsFiles, tls: TlsReloader) -> None:
    """Show new connections the certificate that lies in the files now.

    In place, as uvicorn keeps the context. Authorities that are added hold as well; those that are
    taken away hold until the next start, but admins are let in by their subjects alone.
    """
    context = tls.tls.context
    while True:
        await asyncio.sleep(TLS_POLL_S)
        if not tls.reload():
            continue
        with contextlib.suppress(OSError):
            context.load_cert_chain(files.certificate, files.key)
            if files.client_ca is not None:
                context.load_verify_locations(files.client_ca)
            _log.info("admin_tls_files_reloaded")


def _listen(settings: GatewaySettings) -> socket.socket:
    """Bind here: uvicorn would end the process with a log line and no advice."""
    host = settings.admin_host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, settings.admin_port), family=family)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {host}:{settings.admin_port} ({error.strerror}); "
            "end what uses it or set CONCH_ADMIN_HOST and CONCH_ADMIN_PORT."
        ) from error
    # Its connections have it from here: asyncio leaves it out where a socket is given. Without it
    # each answer on a kept connection comes 40 ms late, for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
