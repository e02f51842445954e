"""Who calls: from the token of a request to a principal, mostly without asking the records."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from gateway import keys
from gateway.data.peer import Peer
from gateway.errors import Overloaded, Unauthenticated
from gateway.keys import Key
from gateway.permissions import Grants
from gateway.rates import Limit

MAX_CACHED = 100_000
# Tokens of right form that are not valid; an attacker can make any number of them.
MAX_REFUSED = 10_000
MAX_LOOKUPS = 256

MISSING = "No API key; send `Authorization: Bearer ck_...` or `X-API-Key: ck_...`."
# One text for unknown, revoked and wrong: nothing is to be learnt from it.
NOT_VALID = "The API key is not valid; ask the operator of this gateway for one."

FindKey = Callable[[str], Awaitable[Key | None]]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, and what the decisions that follow need to know of them."""

    # The key's id; of a JSON Web Token `jwt:` with issuer and subject.
    id: str
    tenant: str
    grants: Grants
    limit: Limit | None
    # Seconds since 1970 from which it has to be looked up anew; None: it tells when it changes.
    expires_s: float | None = None


class Authenticator:
    """Knows tokens by their hash; the records are asked once for each, until its key changes."""

    def __init__(self, find_key: FindKey) -> None:
        self._find_key = find_key
        self._principals: dict[bytes, Principal] = {}
        # Hash of a refused token -> id of the key that it claims to be.
        self._refused: dict[bytes, str] = {}
        self._lookups: dict[bytes, asyncio.Task[Principal | None]] = {}
        self._evictions = 0

    def known(self, token: bytes, peer: Peer) -> Principal | None:
        """The principal if it is known already, None if `look_up` must be asked."""
        if not token:
            raise Unauthenticated(MISSING)
        token_hash = keys.hash_token(token)
        principal = self._principals.get(token_hash)
        if principal is not None:
            return principal
        if token_hash in self._refused or keys.parse_id(token) is None:
            raise Unauthenticated(NOT_VALID)
        return None

    async def look_up(self, token: bytes, peer: Peer) -> Principal:
        """Ask the records; calls for the same token share one question."""
        token_hash = keys.hash_token(token)
        lookup = self._lookups.get(token_hash)
        if lookup is None:
            lookup = self._start_lookup(token, token_hash)
        # A client that leaves must not end the question that others wait for.
        principal = await asyncio.shield(lookup)
        if principal is None:
            raise Unauthenticated(NOT_VALID)
        return principal

    def evict(self, key_ids: list[str]) -> None:
        """Forget keys that changed; what is being looked up right now may be stale as well."""
        changed = set(key_ids)
        self._evictions += 1
        self._principals = {h: p for h, p in self._principals.items() if p.id not in changed}
        self._refused = {h: key_id for h, key_id in self._refused.items() if key_id not in changed}

    def evict_all(self) -> None:
        """Forget everything: it is not known what changed."""
        self._evictions += 1
        self._principals.clear()
        self._refused.clear()

    def _start_lookup(self, token: bytes, token_hash: bytes) -> asyncio.Task[Principal | None]:
        if len(self._lookups) >= MAX_LOOKUPS:
            raise Overloaded(f"{MAX_LOOKUPS} keys are being looked up already; try again.")
        key_id = keys.parse_id(token)
        if key_id is None:
            raise Unauthenticated(NOT_VALID)
        lookup = asyncio.get_running_loop().create_task(self._ask(key_id, token_hash))
        self._lookups[token_hash] = lookup
        lookup.add_done_callback(lambda _: self._forget_lookup(token_hash))
        return lookup

    def _forget_lookup(self, token_hash: bytes) -> None:
        lookup = self._lookups.pop(token_hash)
        # Marks a failure as seen: every client that waited for it may have left.
        if not lookup.cancelled():
            lookup.exception()

    async def _ask(self, key_id: str, token_hash: bytes) -> Principal | None:
        evictions = self._evictions
        key = await self._find_key(key_id)
        valid = keys.matches(key, token_hash)
        principal = _principal(key) if key is not None and valid else None
        # The key may have changed between our reading and an eviction that we slept through.
        if evictions == self._evictions:
            self._remember(key_id, token_hash, principal)
        return principal

    def _remember(self, key_id: str, token_hash: bytes, principal: Principal | None) -> None:
        if principal is None:
            _put_bounded(self._refused, token_hash, key_id, MAX_REFUSED)
        else:
            _put_bounded(self._principals, token_hash, principal, MAX_CACHED)


def _principal(key: Key) -> Principal:
    return Principal(key.id, key.tenant, key.grants, key.limit)


def _put_bounded(cache: dict[bytes, _T], key: bytes, value: _T, limit: int) -> None:
    if len(cache) >= limit:
        # Dictionaries keep their order: the oldest entry goes.
        del cache[next(iter(cache))]
    cache[key] = value
