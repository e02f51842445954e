"""The script in Redis with a clock that a test sets; in production it has no such door."""

from redis import Redis

from gateway.quotas.protocol import Answer, Renewal
from gateway.quotas.redis_messages import account_keys, pack_renewal, parse_reply
from gateway.quotas.redis_script import script_text

_CLOCK = "redis.call('TIME')"
_KEEP = "redis.call('SET', key, cmsgpack.pack(kept), 'PX', silent_ms)"
# Nothing expires by the clock of the machine; when it would is kept beside it.
_KEEP_FOR_EVER = """
redis.call('SET', key, cmsgpack.pack(kept))
redis.call('SET', key .. ':silent_ms', silent_ms)
"""


def text_at_a_time() -> str:
    text = script_text()
    assert text.count(_CLOCK) == 1 and text.count(_KEEP) == 1
    return text.replace(_CLOCK, "{ ARGV[2], ARGV[3] }").replace(_KEEP, _KEEP_FOR_EVER)


class RedisAtATime:
    """Renews at the time that is told."""

    def __init__(self, client: "Redis") -> None:
        self.client = client
        self._run = client.register_script(text_at_a_time())

    def renew(self, renewal: Renewal, wall_us: int) -> Answer:
        return self._reply(renewal, wall_us).answer

    def silent_us(self, key: str) -> int:
        """From when it was written last until this account would go."""
        return int(self.client.get(f"{key}:silent_ms")) * 1000

    def forget(self, renewal: Renewal) -> None:
        self.client.delete(*account_keys(renewal))

    def forgotten(self, renewal: Renewal, wall_us: int) -> int:
        """Renew, and tell of how many granted units Redis knew nothing."""
        return self._reply(renewal, wall_us).forgotten

    def _reply(self, renewal: Renewal, wall_us: int):
        seconds, micros = divmod(wall_us, 1_000_000)
        arguments = [pack_renewal(renewal), seconds, micros]
        return parse_reply(renewal.number, self._run(keys=account_keys(renewal), args=arguments))
