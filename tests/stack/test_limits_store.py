"""What is said at a start about the Redis that limits are shared through."""

import asyncio
from pathlib import Path

from stack.limits_store import limits_note
from stack.settings import StackSettings
from stack.trial import free_ports
from tests.gateway.redis_server import running_redis


def note(url: str) -> str | None:
    settings = StackSettings(redis_url=url, quota_outage_rate="admit", quota_outage_s=30)
    return asyncio.run(limits_note(settings))


def test_a_redis_that_does_not_answer_is_told_with_how_limits_are_kept() -> None:
    (port,) = free_ports(1)
    said = note(f"redis://conch:s3cr3t@127.0.0.1:{port}/0") or ""
    assert "does not answer" in said and "s3cr3t" not in said
    assert "rates admit, concurrency share, budgets refuse, for 30 s at most" in said


def test_nothing_is_told_where_it_answers_or_none_is_set(tmp_path: Path) -> None:
    assert note("") is None
    with running_redis(tmp_path) as server:
        assert note(server.url) is None
