"""Tokens of an identity provider and what the records say of their tenant."""

import asyncio
from dataclasses import dataclass

import pytest

from gateway.data.principal import Principal
from gateway.data.tenant_verifier import TenantVerifier
from gateway.errors import Unauthenticated
from gateway.limits import Concurrency, Limit, Metric
from gateway.permissions import client_grants

LIMIT = Limit("a" * 12, "acme", None, "*", Metric.REQUESTS, Concurrency(8))
PRINCIPAL = Principal("jwt:issuer#alice", "acme", client_grants("*"), None, 9.0)


@dataclass
class _Terms:
    is_disabled: bool
    limits: tuple[Limit, ...]


class _FakeIssuers:
    def claims(self, token: bytes) -> bool:
        return token == b"good"

    async def verify(self, token: bytes) -> Principal:
        return PRINCIPAL


def _verifier(*, is_disabled: bool) -> TenantVerifier:
    async def terms_of(tenant: str) -> _Terms:
        assert tenant == "acme"
        return _Terms(is_disabled, (LIMIT,))

    return TenantVerifier(_FakeIssuers(), terms_of)


def test_a_token_brings_the_limits_of_its_tenant() -> None:
    verifier = _verifier(is_disabled=False)
    assert verifier.claims(b"good") and not verifier.claims(b"bad")
    principal = asyncio.run(verifier.verify(b"good"))
    assert principal.limits == (LIMIT,)
    assert (principal.id, principal.expires_s) == (PRINCIPAL.id, PRINCIPAL.expires_s)


def test_a_token_of_a_disabled_tenant_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        asyncio.run(_verifier(is_disabled=True).verify(b"good"))
