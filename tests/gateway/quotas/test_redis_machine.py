"""The two promises hold with the store in Redis, whose one clock is the calendar's as well."""

from functools import partial
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import rule
from redis import Redis
from structlog.testing import capture_logs

from gateway.limits import Limit
from gateway.quotas.accounts import new_account
from gateway.quotas.ledger import Account, Lease
from gateway.quotas.protocol import Answer, Renewal
from gateway.quotas.redis_messages import account_keys
from tests.gateway.quotas.asks import ask_about, renewal_of
from tests.gateway.quotas.machine import QuotaMachine
from tests.gateway.quotas.redis_at_a_time import RedisAtATime
from tests.gateway.quotas.test_machine import run
from tests.gateway.quotas.world import SECOND_US, Clock
from tests.gateway.redis_server import RedisServer

# An account of a budget is kept for a day after its window, for a clock that is set back.
MOST_BACK_HOURS = 20


class RedisInAWorld:
    """The script in a real Redis at the world's time; what it lets go is gone when it says."""

    def __init__(self, client: "Redis", clock: Clock) -> None:
        client.flushall()
        self.operations = 0
        self._redis = RedisAtATime(client)
        self._clock = clock
        self._goes_us: dict[str, int] = {}

    def renew(self, renewal: Renewal) -> Answer:
        self.operations += 1
        wall_us = self._clock.now().wall_us
        for key, goes_us in list(self._goes_us.items()):
            if goes_us <= wall_us:
                self._redis.client.delete(key)
                del self._goes_us[key]
        answer = self._redis.renew(renewal, wall_us)
        for key in account_keys(renewal) if renewal.asks else ():
            self._goes_us[key] = wall_us + self._redis.silent_us(key)
        return answer

    def account(self, limit: Limit) -> Account[Any] | None:
        """Of a budget, with what the machine looks at."""
        (key,) = account_keys(renewal_of(ask_about(limit)))
        kept = self._redis.client.get(key)
        if kept is None:
            return None
        account = new_account(limit, self._clock.now())
        _, _, leases, *_, account.window_ends_us = msgspec.msgpack.decode(kept)
        # An empty table of Lua is a list.
        rows = dict(leases).items()
        account.leases = {holder: Lease(*numbers) for holder, numbers in rows}
        return account

    def reboot(self) -> None:
        """Redis is on another machine than the workers."""


def test_nothing_is_ever_over_with_the_store_in_redis(redis_server: RedisServer) -> None:
    with redis_server.client() as client, capture_logs():

        class WithRedis(QuotaMachine):
            new_store = partial(RedisInAWorld, client)
            hours_back = 0

            @rule(hours=st.integers(1, 10))
            def set_calendar(self, hours: int) -> None:
                """Back only: set forward, the clock of leases is too."""
                if self.hours_back + hours <= MOST_BACK_HOURS:
                    self.hours_back += hours
                    self.world.clock.wall_offset_us -= hours * 3600 * SECOND_US

        run(WithRedis, 60)
