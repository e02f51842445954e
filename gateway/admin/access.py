"""Who calls the admin API: an admin by token or certificate, or anybody on loopback before any."""

import time
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.admins import Admin, is_token
from gateway.data.peer import Peer
from gateway.errors import Unauthenticated
from gateway.records.store import Records

# Whoever calls loopback while no admin was ever made.
LOOPBACK = "loopback"
MISSING = (
    "No admin token; send `Authorization: Bearer ca_...`, or show a client certificate. "
    "`conch admins create NAME` makes a token."
)
# One text for unknown, revoked and wrong: nothing is to be learnt from it.
NOT_VALID = "The admin token or certificate is not valid; `conch admins list` shows the admins."
# Of the scope's extensions, where the connection has a client certificate.
PEER = "conch.peer"

_BEARER = HTTPBearer(
    auto_error=False, description="Admin token that `conch admins create NAME` has shown."
)


class Access:
    """Knows by the records who is an admin; asked on each request, so that a revocation holds."""

    def __init__(self, records: Records, *, may_be_open: bool) -> None:
        self._records = records
        self._may_be_open = may_be_open

    async def actor(self, token: str | None, peer: Peer | None) -> str:
        """Who acts, for the audit log; raises Unauthenticated."""
        if token is not None:
            return _name(await self._by_token(token))
        if peer is not None and peer.subject:
            return _name(await self._by_certificate(peer))
        if self._may_be_open and not await self._records.admin_count():
            return LOOPBACK
        raise Unauthenticated(MISSING, is_missing=True)

    async def _by_token(self, token: str) -> Admin | None:
        return await self._records.find_admin_by_token(token) if is_token(token) else None

    async def _by_certificate(self, peer: Peer) -> Admin | None:
        # The connection may be older than the certificate's end.
        if time.time() >= peer.ends_s:
            return None
        return await self._records.find_admin_by_subject(peer.subject)


async def _acting(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
) -> Records:
    access: Access = request.app.state.access
    records: Records = request.app.state.records
    # Another scheme than Bearer is no token of ours.
    token = bearer.credentials if bearer else request.headers.get("authorization")
    peer = request.scope.get("extensions", {}).get(PEER, {}).get(PEER)
    return records.acting_as(await access.actor(token, peer))


# The records, changed in the name of whoever calls.
Acting = Annotated[Records, Depends(_acting)]


def _name(admin: Admin | None) -> str:
    if admin is None:
        raise Unauthenticated(NOT_VALID)
    return f"admin:{admin.name}"
