"""Verifies JSON Web Tokens: form, issuer, algorithm, key, signature, claims, in this order."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from joserfc.jws import JWSRegistry

from gateway.data.auth import NOT_VALID, Principal
from gateway.data.tokens.claims import principal_of
from gateway.data.tokens.faults import Refused
from gateway.data.tokens.fetch import KeyFetcher
from gateway.data.tokens.form import Token, has_form, parse
from gateway.data.tokens.issuer_keys import IssuerKeys
from gateway.data.tokens.sparse_log import SparseLog
from gateway.errors import Unauthenticated
from gateway.jwt_issuers import JwtIssuer

MAX_LOGGED_CHARACTERS = 200

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Trusted:
    issuer: JwtIssuer
    keys: IssuerKeys


class JwtVerifier:
    """Turns tokens of the issuers it is told of into principals; remembers none."""

    def __init__(
        self,
        issuers: Sequence[JwtIssuer],
        fetcher: KeyFetcher,
        *,
        now_s: Callable[[], float] = time.time,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetcher = fetcher
        self._now_s = now_s
        self._sparse = SparseLog(clock_s)
        self._trusted = {
            issuer.issuer: _Trusted(issuer, IssuerKeys(issuer, fetcher.fetch, clock_s))
            for issuer in issuers
        }
        self._refreshing: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to fetch keys and to keep them fresh."""
        loop = asyncio.get_running_loop()
        self._refreshing = [
            loop.create_task(trusted.keys.keep_fresh()) for trusted in self._trusted.values()
        ]

    async def close(self) -> None:
        for task in self._refreshing:
            task.cancel()
        await asyncio.gather(*self._refreshing, return_exceptions=True)
        for trusted in self._trusted.values():
            await trusted.keys.close()
        await self._fetcher.close()

    def claims(self, token: bytes) -> bool:
        """Whether the token claims to be one of these; nothing is decoded for that."""
        return has_form(token)

    async def verify(self, token: bytes) -> Principal:
        """The token's principal; raises Unauthenticated or IssuerUnavailable."""
        issuer = ""
        try:
            parts = parse(token)
            trusted = self._trusted_by(parts)
            issuer = trusted.issuer.issuer
            await _check_signature(parts, trusted)
            return principal_of(trusted.issuer, parts.claims, self._now_s())
        except Refused as refusal:
            self._note(issuer, refusal)
        raise Unauthenticated(NOT_VALID)

    def _trusted_by(self, token: Token) -> _Trusted:
        # Not believed yet: it only chooses whose keys the signature has to fit.
        name = token.claims.get("iss")
        trusted = self._trusted.get(name) if isinstance(name, str) else None
        if trusted is None:
            raise Refused("its issuer is not one of ours", name)
        return trusted

    def _note(self, issuer: str, refusal: Refused) -> None:
        reason = str(refusal)
        if self._sparse.is_due((issuer, reason)):
            about = ascii(str(refusal.about))[:MAX_LOGGED_CHARACTERS]
            _log.warning("token_refused", issuer=issuer, reason=reason, about=about)


def jwt_verifier(
    issuers: Sequence[JwtIssuer], now_s: Callable[[], float] = time.time
) -> JwtVerifier | None:
    """The verifier for these issuers, not yet started; None where there are none."""
    return JwtVerifier(issuers, KeyFetcher(), now_s=now_s) if issuers else None


async def _check_signature(token: Token, trusted: _Trusted) -> None:
    # Before any key is touched: the algorithm is ours to choose, never the token's.
    if token.algorithm not in trusted.issuer.algorithms:
        raise Refused("its alg is not one of the issuer's", token.algorithm)
    key = await trusted.keys.find(token.kid, token.algorithm)
    # The algorithm itself: joserfc's own way in would read the header a second time.
    algorithm = JWSRegistry.algorithms[token.algorithm]
    if not algorithm.verify(token.signed, token.signature, key):
        raise Refused("its signature does not hold")
