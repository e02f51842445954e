"""The runs that there are: two hundred tenants for a minute, and a short one for the tests."""

from dataclasses import replace

from tests.gateway.long_runs.quotas.plan import Plan, tenants

# Limits are then exact always, whatever becomes of Redis.
REFUSE = {"CONCH_QUOTA_OUTAGE_RATE": "refuse", "CONCH_QUOTA_OUTAGE_CONCURRENCY": "refuse"}
_LOAD_S = 60.0
# Each gateway loses a worker once; and each worker ends about twice.
_KILL_SOMETIMES_S = 15.0
_KILL_OFTEN_S = 4.0


def full_runs() -> dict[str, Plan]:
    """By name; of each, a minute and a half."""
    calm = Plan(tenants(200, _LOAD_S), 4, _LOAD_S, settings=REFUSE)
    killed = replace(calm, kill_every_s=_KILL_OFTEN_S)
    away = replace(killed, redis_ends_s=30.0, redis_away_s=6.0)
    return {
        "nothing fails": calm,
        "each gateway loses a worker": replace(calm, kill_every_s=_KILL_SOMETIMES_S),
        "15 workers are killed": killed,
        "and Redis is away, policy `refuse`": away,
        "and Redis is away, policy `share`": replace(away, settings={}),
    }


def short_run() -> Plan:
    """Twenty tenants, two gateways, one worker killed."""
    load_s = 6.0
    return Plan(
        tenants(20, load_s),
        2,
        load_s,
        kill_every_s=load_s,
        alone_s=1.0,
        ramp_s=1.0,
        clients=1,
        settings=REFUSE,
    )
