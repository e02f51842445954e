"""Tokens of an identity provider, held against what the records say of their tenant."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from gateway.data.auth import NOT_VALID, TokenVerifier
from gateway.data.principal import Principal
from gateway.errors import Unauthenticated
from gateway.limits import Limit


class TenantTerms(Protocol):
    """What holds for all who call for a tenant."""

    @property
    def is_disabled(self) -> bool: ...

    @property
    def limits(self) -> tuple[Limit, ...]: ...


class TenantVerifier:
    """Vouches for a token if its issuer does and its tenant is not disabled."""

    def __init__(
        self, issuers: TokenVerifier, terms_of: Callable[[str], Awaitable[TenantTerms]]
    ) -> None:
        self._issuers = issuers
        self._terms_of = terms_of

    def claims(self, token: bytes) -> bool:
        return self._issuers.claims(token)

    async def verify(self, token: bytes) -> Principal:
        """Its principal, with the limits of the tenant; raises as the issuers' verifier does."""
        principal = await self._issuers.verify(token)
        terms = await self._terms_of(principal.tenant)
        if terms.is_disabled:
            raise Unauthenticated(NOT_VALID)
        return replace(principal, limits=terms.limits)
