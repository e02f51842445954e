"""Who calls: from the token or certificate of a request to a principal, mostly from memory.

The order of a decision: a token that was let in before -> form and checksum -> keys in memory ->
failures of late -> the records, or the signature. Whatever is wrong with a token, it is compared
as often, read as often and answered in the same words.

Memory alone lets in, whatever failures there were: who guesses at a key, or shares an address
with its owner, must not be able to lock the owner out. A no of memory is asked of the records
once more, since the key may have changed a moment ago. Over the limit of an address that, and what
memory does not know, is looked up some times a second: most who share the address are honest. Over
the limit of a key memory's no is final: those who name one key reach it only by readings that put
the key into memory, so that its owner is told from them there; and a key that changed meanwhile is
read once, over any limit.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial
from math import inf
from typing import Protocol

from gateway import keys
from gateway.data.attempts import Attempts
from gateway.data.key_cache import KeyCache, put_bounded, subject_name
from gateway.data.last_used import NOTE_EVERY_S, LastUsed
from gateway.data.peer import Peer
from gateway.data.principal import Principal as Principal
from gateway.data.principal import limits_of
from gateway.data.questions import Questions
from gateway.errors import Unauthenticated
from gateway.keys import Key
from gateway.networks import is_within

# Tokens whose signature was verified; each is looked at anew when it expires.
MAX_VERIFIED = 100_000

MISSING = "No API key; send `Authorization: Bearer ck_...` or `X-API-Key: ck_...`."
# One text for unknown, revoked and wrong: nothing is to be learnt from it.
NOT_VALID = (
    "The API key, token or certificate is not valid; ask the operator of this gateway for another."
)

FindKey = Callable[[str], Awaitable[Key | None]]


class TokenVerifier(Protocol):
    """Vouches for tokens that are no API keys."""

    def claims(self, token: bytes) -> bool:
        """Whether the token has the form of one that is to be verified; costs next to nothing."""
        ...

    async def verify(self, token: bytes) -> Principal:
        """Its principal; raises Unauthenticated, or Unavailable if that cannot be told now."""
        ...


class Authenticator:
    """Knows keys by their token, and longer tokens by their hash; the records are asked once for a
    key, until it changes."""

    def __init__(
        self,
        find_key: FindKey,
        *,
        find_subject: FindKey | None = None,
        verifier: TokenVerifier | None = None,
        attempts: Attempts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.last_used = LastUsed()
        self._find_key = find_key
        self._find_subject = find_subject
        self._verifier = verifier
        self._attempts = attempts or Attempts()
        self._clock = clock
        self._cache = KeyCache()
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()
        self._reading: Questions[str, Key | None] = Questions()
        self._verifying: Questions[bytes, Principal] = Questions()

    def known(self, token: bytes, peer: Peer, token_hash: bytes = b"") -> Principal | None:
        """The principal if it is known already, None if `look_up` must be asked.

        `token_hash` is the token's SHA-256, where it is at hand.
        """
        if token:
            principal = self._cache.by_token.get(token)
            if principal is None:
                token_hash = token_hash or keys.hash_token(token)
                principal = self._verified.get(token_hash)
        elif peer.subject and self._find_subject is not None:
            if self._clock() >= peer.ends_s:
                raise Unauthenticated(NOT_VALID)
            principal = self._cache.by_subject.get(peer.subject)
        else:
            raise Unauthenticated(MISSING, is_missing=True)
        if (
            principal is not None
            and principal.begins_s <= self._clock() < principal.calm_until_s
            and (not principal.networks or is_within(principal.networks, peer.address))
        ):
            return principal
        return self._recall(token, token_hash or _hash(token, peer), peer)

    async def look_up(self, token: bytes, peer: Peer) -> Principal:
        """Ask the records or the verifier; calls for the same share one question."""
        name = _name(token, peer)
        if name is None:
            return await self._verify(token, peer)
        key = await self._reading.ask(name, partial(self._read, name, token, peer))
        principal = self._admit(key, token, _hash(token, peer), peer)
        if principal is None:
            raise self._failure(peer, name)
        return principal

    def evict(self, key_ids: list[str]) -> None:
        """Forget keys that changed; what is being looked up right now may be stale as well."""
        self._cache.evict(key_ids)

    def evict_tenants(self, tenants: Collection[str]) -> None:
        """Forget all keys of tenants that changed; their tokens are to be verified anew."""
        self._cache.evict_tenants(tenants)
        for token_hash, principal in self._verified.items():
            if principal.tenant in tenants:
                self._verified[token_hash] = replace(principal, calm_until_s=-inf)

    def evict_all(self) -> None:
        """Forget all keys and tokens: it is not known what changed."""
        self._cache.evict_all()
        self.evict_tenants({principal.tenant for principal in self._verified.values()})

    def _recall(self, token: bytes, token_hash: bytes, peer: Peer) -> Principal | None:
        """What memory says of a token that is not simply let in; nothing is asked."""
        name = _name(token, peer)
        if name is not None:
            principal = self._admit(self._cache.get(name), token, token_hash, peer)
            if principal is None and not self._cache.knew(name):
                self._attempts.look_up(peer.address, name)
            return principal
        if self._verifier is None or not self._verifier.claims(token):
            raise self._failure(peer)
        # If it was verified before, only its time has come.
        if token_hash not in self._verified:
            self._attempts.look_up(peer.address)
        return None

    def _admit(
        self, key: Key | None, token: bytes, token_hash: bytes, peer: Peer
    ) -> Principal | None:
        """The principal if this key, in the state that was read, lets the caller in."""
        now_s = self._clock()
        if not keys.matches(key, token_hash) or key is None:
            return None
        begins_s, ends_s = keys.begins_s(key), keys.ends_s(key, token_hash)
        if not begins_s <= now_s < ends_s:
            return None
        if key.networks and not is_within(key.networks, peer.address):
            return None
        self.last_used.note(key.id, now_s)
        # Not for longer, so that the next use is noted as well.
        calm_until_s = min(ends_s, now_s + NOTE_EVERY_S)
        principal = Principal(
            key.id,
            key.tenant,
            key.grants,
            limits_of(key),
            begins_s=begins_s,
            calm_until_s=calm_until_s,
            networks=key.networks,
        )
        self._cache.admit(key, token, principal)
        return principal

    async def _read(self, name: str, token: bytes, peer: Peer) -> Key | None:
        changes = self._cache.changes
        find, wanted = (self._find_key, name) if token else (self._find_subject, peer.subject)
        key = None if find is None else await find(wanted)
        # The key may have changed between our reading and an eviction that we slept through.
        if changes == self._cache.changes:
            self._cache.put(name, key)
        return key

    async def _verify(self, token: bytes, peer: Peer) -> Principal:
        """Let the signature be checked; calls for the same token share one check."""
        verifier = self._verifier
        if verifier is None or not verifier.claims(token):
            raise self._failure(peer)
        token_hash = keys.hash_token(token)
        try:
            return await self._verifying.ask(token_hash, partial(self._vouch, verifier, token))
        except Unauthenticated:
            self._verified.pop(token_hash, None)
            raise self._failure(peer) from None

    async def _vouch(self, verifier: TokenVerifier, token: bytes) -> Principal:
        """The token's principal; the token is remembered until it expires."""
        changes = self._cache.changes
        principal = await verifier.verify(token)
        # Its tenant may have changed since it was read.
        if changes == self._cache.changes:
            put_bounded(self._verified, keys.hash_token(token), principal, MAX_VERIFIED)
        return principal

    def _failure(self, peer: Peer, name: str = "") -> Unauthenticated:
        """The error for a token that is not valid; raises TooManyFailures if it is one too many."""
        self._attempts.fail(peer.address, name)
        return Unauthenticated(NOT_VALID)


def _hash(token: bytes, peer: Peer) -> bytes:
    """As the records have it, of the token or of the certificate's subject."""
    return keys.hash_token(token) if token else keys.hash_subject(peer.subject)


def _name(token: bytes, peer: Peer) -> str | None:
    """Name of the key that is claimed; None if the token is in no key's form."""
    return keys.parse_id(token) if token else subject_name(peer.subject)
