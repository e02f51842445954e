"""Whether a Redis is fit to keep quotas, and whether it is still the one that kept them."""

import re
import secrets
from collections.abc import Mapping
from typing import Any

import structlog
from redis.exceptions import RedisError

from gateway.errors import ConfigurationError
from gateway.quotas.redis_messages import PREFIX
from gateway.quotas.redis_script import Command

# The oldest that the tests run.
MIN_VERSION = (6, 2)
_MARK_KEY = PREFIX + "mark"

_log = structlog.get_logger()


def check_info(info: Mapping[str, Any], *, is_cluster: bool) -> None:
    """Raises ConfigurationError for a server that cannot do; warns of one that forgets."""
    version = re.match(r"(\d+)\.(\d+)", str(info.get("redis_version")))
    if version is not None and (int(version[1]), int(version[2])) < MIN_VERSION:
        needed = ".".join(map(str, MIN_VERSION))
        raise ConfigurationError(
            f"Redis has version {info['redis_version']}; Conch needs {needed} or newer"
        )
    if info.get("redis_mode") == "cluster" and not is_cluster:
        raise ConfigurationError(
            "Redis is a cluster; add ?cluster=yes to CONCH_REDIS_URL, or &cluster=yes"
        )
    if info.get("aof_enabled") == 0:
        _log.warning(
            "redis_keeps_no_log",
            means="what budgets have used is forgotten when Redis ends",
            mend="set appendonly yes",
        )
    policy = info.get("maxmemory_policy", "noeviction")
    if info.get("maxmemory") and policy != "noeviction":
        _log.warning(
            "redis_evicts",
            policy=policy,
            means="what budgets have used may be forgotten when memory is short",
            mend="set maxmemory-policy noeviction",
        )


class Mark:
    """Stays in Redis as long as its data do: when it is gone, so are they."""

    def __init__(self) -> None:
        self._seen: bytes | None = None

    def commands(self) -> list[Command]:
        """Go before the Renewals of each pipeline; the last one's reply is for `look`."""
        look: Command = ("GET", _MARK_KEY)
        if self._seen is None:
            return [("SET", _MARK_KEY, secrets.token_hex(8), "NX"), look]
        return [look]

    def look(self, reply: object) -> None:
        """Tell loudly if the data are not those that were there."""
        if isinstance(reply, RedisError):
            return
        found = reply if isinstance(reply, bytes) else None
        if self._seen is not None and found != self._seen:
            _log.error(
                "redis_lost_its_data",
                means="what budgets have used is forgotten; leases begin anew",
                see="docs/quotas_redis.md",
            )
        self._seen = found
