"""What is said at a start about the Redis that limits are shared through."""

from stack.settings import StackSettings


async def limits_note(settings: StackSettings) -> str | None:
    """How limits are kept while Redis does not answer; None where it does, or none is set."""
    if not settings.redis_url:
        return None
    # Not before: whoever has no Redis has no [redis] either, and a gateway would have said so.
    from gateway.quotas.redis_answering import answers

    if await answers(settings.redis_url):
        return None
    return (
        "Redis (CONCH_REDIS_URL) does not answer. Until it does, limits are kept as "
        f"CONCH_QUOTA_OUTAGE_… say: rates {settings.quota_outage_rate}, "
        f"concurrency {settings.quota_outage_concurrency}, budgets {settings.quota_outage_budget}, "
        f"for {settings.quota_outage_s:g} s at most; then what is limited gets a 503."
    )
