"""The script that renews leases in Redis: its text, and how a server is brought to run it."""

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha1
from pathlib import Path

import structlog
from redis.exceptions import NoPermissionError, NoScriptError, RedisError, ResponseError

from gateway.quotas.protocol import Renewal
from gateway.quotas.redis_messages import account_keys, pack_renewal

# In this order they are one program: each uses what those before it define.
_PARTS = ("leases", "rate_account", "concurrency_account", "budget_account", "ledger", "renew")

Command = tuple[str | int | bytes, ...]
Reply = bytes | RedisError
Send = Callable[[Sequence[Command]], Awaitable[list[Reply]]]

_log = structlog.get_logger()


def script_text() -> str:
    """The program as Redis runs it."""
    folder = Path(__file__).parent
    return "\n".join((folder / f"{part}.lua").read_text() for part in _PARTS)


class Script:
    """Runs by its digest, or with its whole text where that is refused."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._is_digest_refused = False

    async def run(self, renewals: Sequence[Renewal], send: Send) -> list[Reply]:
        """What Redis says to each: an answer, or why there is none."""
        if self._is_digest_refused:
            return await send([self._with_text(renewal) for renewal in renewals])
        replies = await send([self._by_digest(renewal) for renewal in renewals])
        again = [index for index, reply in enumerate(replies) if _may_want_text(reply)]
        if not again:
            return replies
        # A Renewal that did run is not counted twice.
        with_text = await send([self._with_text(renewals[index]) for index in again])
        for index, reply in zip(again, with_text, strict=True):
            self._learn(refusal=replies[index], reply=reply)
            replies[index] = reply
        return replies

    def _by_digest(self, renewal: Renewal) -> Command:
        return "EVALSHA", self._digest, *_arguments(renewal)

    def _with_text(self, renewal: Renewal) -> Command:
        """From then on the server knows the digest."""
        return "EVAL", self._text, *_arguments(renewal)

    def _learn(self, *, refusal: Reply, reply: Reply) -> None:
        is_refused = not isinstance(refusal, NoScriptError) and isinstance(reply, bytes)
        if is_refused and not self._is_digest_refused:
            self._is_digest_refused = True
            _log.warning("redis_refuses_evalsha", reason=str(refusal), now="EVAL, which costs more")


def _arguments(renewal: Renewal) -> Command:
    keys = account_keys(renewal)
    return len(keys), *keys, pack_renewal(renewal)


def _may_want_text(reply: Reply) -> bool:
    """Proxies say in words of their own that they do not pass EVALSHA on."""
    return type(reply) in {NoScriptError, NoPermissionError, ResponseError}
