"""The keys of one issuer while the gateway runs: fetched ahead of need, kept while it is down."""

import asyncio
import math
from collections.abc import Awaitable, Callable

import structlog
from joserfc.jwk import Key

from gateway.data.tokens.faults import KeysUnreadable, Refused
from gateway.data.tokens.key_set import KeySet, parse_key_set
from gateway.data.tokens.sparse_log import SparseLog
from gateway.errors import IssuerUnavailable
from gateway.jwt_issuers import JwtIssuer

# A key that the issuer takes back is good for so long at most.
REFRESH_S = 300.0
RETRY_S = 10.0
# Unknown kids cause a fetch at most so often: anybody can make them up.
COOLDOWN_S = 30.0
# How long keys that cannot be refreshed go on being trusted.
STALE_S = 24 * 3600.0
MAX_UNKNOWN = 1000

Fetch = Callable[[str], Awaitable[bytes]]
Sleep = Callable[[float], Awaitable[None]]

_log = structlog.get_logger()


class IssuerKeys:
    """Finds the key that a token names. Good keys go only when good ones come, or with age."""

    def __init__(self, issuer: JwtIssuer, fetch: Fetch, clock_s: Callable[[], float]) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._clock_s = clock_s
        self._sparse = SparseLog(clock_s)
        self._keys = KeySet(())
        self._fetched_s = -math.inf
        self._tried_s = -math.inf
        self._is_failing = False
        self._refresh: asyncio.Task[None] | None = None
        # Kid that the issuer was asked for in vain -> when.
        self._unknown: dict[str, float] = {}

    async def find(self, kid: str | None, algorithm: str) -> Key:
        """The key that may verify such a token; raises Refused or IssuerUnavailable."""
        if self._age_s() > STALE_S:
            await self._refresh_unless_tried_within(RETRY_S)
        if self._age_s() > STALE_S:
            raise IssuerUnavailable(
                "The keys of the token's issuer cannot be fetched just now; try again."
            )
        key = self._keys.find(kid, algorithm)
        if key is None and kid is not None:
            key = await self._ask_about(kid, algorithm)
        if key is None:
            raise Refused("its kid names no key of the issuer", kid)
        return key

    async def keep_fresh(self, sleep: Sleep = asyncio.sleep) -> None:
        """Refresh ahead of need, until cancelled."""
        while True:
            await self.refresh()
            await sleep(RETRY_S if self._is_failing else REFRESH_S)

    async def refresh(self) -> None:
        """Fetch the keys; calls at one time share one fetch, and a failure changes nothing."""
        if self._refresh is None:
            self._tried_s = self._clock_s()
            self._refresh = asyncio.get_running_loop().create_task(self._fetch_keys())
            self._refresh.add_done_callback(self._end_refresh)
        # A client that leaves must not end the fetch that others wait for.
        await asyncio.shield(self._refresh)

    async def close(self) -> None:
        """End a fetch that is under way."""
        if self._refresh is not None:
            self._refresh.cancel()
            await asyncio.wait([self._refresh])

    def _age_s(self) -> float:
        return self._clock_s() - self._fetched_s

    async def _ask_about(self, kid: str, algorithm: str) -> Key | None:
        if self._clock_s() - self._unknown.get(kid, -math.inf) < REFRESH_S:
            return None
        if not await self._refresh_unless_tried_within(COOLDOWN_S):
            return None
        key = self._keys.find(kid, algorithm)
        if key is None and not self._is_failing:
            self._remember_unknown(kid)
        return key

    async def _refresh_unless_tried_within(self, seconds: float) -> bool:
        """Whether it was refreshed; a fetch that is under way is waited for in any case."""
        if self._refresh is None and self._clock_s() - self._tried_s < seconds:
            return False
        await self.refresh()
        return True

    def _remember_unknown(self, kid: str) -> None:
        if len(self._unknown) >= MAX_UNKNOWN:
            # Dictionaries keep their order: the oldest entry goes.
            del self._unknown[next(iter(self._unknown))]
        self._unknown[kid] = self._clock_s()

    def _end_refresh(self, _: asyncio.Task[None]) -> None:
        self._refresh = None

    async def _fetch_keys(self) -> None:
        try:
            document = await self._fetch(self._issuer.jwks_url)
            self._keys = parse_key_set(document, self._issuer.algorithms)
        except KeysUnreadable as error:
            self._fail(str(error))
        except Exception as error:  # whatever it is, the keys that are there go on working
            self._fail(f"{type(error).__name__}: {error}")
        else:
            self._fetched_s = self._clock_s()
            self._is_failing = False

    def _fail(self, reason: str) -> None:
        self._is_failing = True
        if not self._sparse.is_due(reason):
            return
        _log.error(
            "issuer_keys_unreadable",
            issuer=self._issuer.issuer,
            url=self._issuer.jwks_url,
            reason=reason,
            kept_s=None if math.isinf(self._age_s()) else round(self._age_s()),
        )
