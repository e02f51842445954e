"""One run: the load, what is killed meanwhile, and what it showed."""

import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gateway.rates import Rate
from tests.gateway.long_runs.quotas.client import PATIENCE_S, Caller, Orders
from tests.gateway.long_runs.quotas.cluster import Cluster, running_cluster
from tests.gateway.long_runs.quotas.judge import Verdict, judge
from tests.gateway.long_runs.quotas.logs import Change, Logs, read_changes, read_logs
from tests.gateway.long_runs.quotas.plan import QUICK, Group, Plan, Tenant

# More than the machine can do, so that the key is never refused.
_ALONE = Tenant("alone", Group.BUSY, (Rate(100_000, 1, 100_000),), 0.0, QUICK)
_LANES = 24
# What docs/quotas.md promises.
MOST_RENEWALS_PER_100 = 1.0
LEAST_GIVEN = 0.98
# For processes of clients to be there.
_AHEAD_S = 1.5


@dataclass(frozen=True)
class Costs:
    """What requests cost Redis."""

    admitted: int
    renewals: int
    commands: int

    @property
    def renewals_per_100(self) -> float:
        return 100 * self.renewals / max(self.admitted, 1)


@dataclass
class Seen:
    """What a run showed."""

    plan: Plan
    verdicts: list[Verdict]
    logs: Logs
    alone: Costs
    together: Costs
    killed: int
    began_s: float
    changes: list[Change]
    # From the beginning of the load: when Redis ended, and when it answered again.
    redis_away: tuple[float, float] | None
    # What clients were answered, in each second of the load; 0: the connection broke.
    by_second: list[Counter[int]] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        return [text for verdict in self.verdicts for text in verdict.broken]

    @property
    def is_exact(self) -> bool:
        """Whether rates and slots are promised, too; by shares they are not."""
        return bool(self.plan.settings)

    @property
    def is_kept(self) -> bool:
        """Whether all that is promised held."""
        broken = any(
            verdict.broken and (self.is_exact or (verdict.above_budget or 0) > 0)
            for verdict in self.verdicts
        )
        return (
            not broken
            and not self.logs.unexplained
            and self.alone.renewals_per_100 <= MOST_RENEWALS_PER_100
        )

    @property
    def is_given(self) -> bool:
        """Whether all who wanted more than they are allowed got that."""
        shares = [verdict.given_share for verdict in self.verdicts]
        return all(share >= LEAST_GIVEN for share in shares if share is not None)


def run(plan: Plan, directory: Path) -> Seen:
    """Do all that the plan says; logs stay in the directory."""
    everybody = (*plan.tenants, _ALONE)
    settings = plan.settings | {"CONCH_WORKERS": str(plan.workers)}
    with running_cluster(directory, everybody, plan.gateways, settings) as cluster:
        alone, alone_logs = _run_alone(plan, cluster)
        before = _commands(cluster)
        began_s = time.time() + _AHEAD_S
        clients = _start_clients(plan, cluster, began_s)
        killed, away = _hurt(plan, cluster, began_s)
        for client in clients:
            client.wait(plan.load_s + PATIENCE_S + 30)
        together = _difference(_commands(cluster), before)
    logs = read_logs(
        [gateway.access_log for gateway in cluster.gateways],
        cluster.upstream_log,
        [*directory.glob("client-*.log"), *alone_logs],
    )
    last = len(plan.tenants)
    count_alone = sum(one.tenant == last for one in logs.admitted)
    return Seen(
        plan=plan,
        verdicts=judge(everybody, logs, but={last}),
        logs=logs,
        alone=Costs(count_alone, *alone),
        together=Costs(len(logs.admitted) - count_alone, *together),
        killed=killed,
        began_s=began_s,
        changes=read_changes(gateway.log for gateway in cluster.gateways),
        redis_away=away,
        by_second=_by_second(logs, began_s, plan.load_s, last),
    )


def _run_alone(plan: Plan, cluster: Cluster) -> tuple[tuple[int, int], list[Path]]:
    """One key that is busy at every worker, and nobody else."""
    caller = Caller(len(plan.tenants), cluster.tokens[-1], QUICK, 0.0, 0.0)
    orders = Orders(
        "alone", cluster.ports, time.time() + _AHEAD_S, plan.alone_s, [caller], lanes=_LANES
    )
    before = _commands(cluster)
    log = cluster.directory / "alone.log"
    _start_client(cluster.directory, orders, log).wait(plan.alone_s + PATIENCE_S + 30)
    return _difference(_commands(cluster), before), [log]


def _start_clients(plan: Plan, cluster: Cluster, begin_s: float) -> list["subprocess.Popen[bytes]"]:
    callers = [
        Caller(number, cluster.tokens[number], one.model, one.wants_per_s, one.pulse_s)
        for number, one in enumerate(plan.tenants)
    ]
    return [
        _start_client(
            cluster.directory,
            Orders(
                str(n),
                cluster.ports,
                begin_s,
                plan.load_s,
                callers[n :: plan.clients],
                ramp_s=plan.ramp_s,
            ),
            cluster.directory / f"client-{n}.log",
        )
        for n in range(plan.clients)
    ]


def _start_client(directory: Path, orders: Orders, log: Path) -> "subprocess.Popen[bytes]":
    file = directory / f"orders-{orders.prefix}.json"
    file.write_bytes(msgspec.json.encode(orders))
    program = "tests.gateway.long_runs.quotas.client"
    return subprocess.Popen([sys.executable, "-m", program, str(file), str(log)])


def _hurt(plan: Plan, cluster: Cluster, began_s: float) -> tuple[int, tuple[float, float] | None]:
    """Kill workers and end Redis when it is time; returns how many, and when Redis was away."""
    chosen = random.Random(1)
    killed, away = 0, None
    for at_s, what in sorted(_harms(plan)):
        time.sleep(max(began_s + at_s - time.time(), 0))
        if what == "kill":
            # One gateway after the other.
            cluster.gateways[killed % len(cluster.gateways)].kill_a_worker(chosen)
            killed += 1
        elif what == "end redis":
            ended_s = time.time() - began_s
            cluster.end_redis()
        else:
            cluster.redis.start()
            away = ended_s, time.time() - began_s
    return killed, away


def _harms(plan: Plan) -> list[tuple[float, str]]:
    harms = []
    if plan.kill_every_s:
        count = int(plan.load_s / plan.kill_every_s)
        harms = [((number + 0.5) * plan.kill_every_s, "kill") for number in range(count)]
    if plan.redis_away_s:
        harms += [(plan.redis_ends_s, "end redis")]
        harms += [(plan.redis_ends_s + plan.redis_away_s, "start redis")]
    return harms


def _commands(cluster: Cluster) -> tuple[int, int]:
    """Renewals, and all commands of gateways, since Redis was started."""
    with cluster.redis.client() as client:
        stats = client.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): row["calls"] for name, row in stats.items()}
    renewals = calls.get("evalsha", 0) + calls.get("eval", 0)
    return renewals, sum(calls.values()) - calls.get("info", 0)


def _difference(after: tuple[int, int], before: tuple[int, int]) -> tuple[int, int]:
    # Redis that was started again counts anew.
    if after[0] < before[0]:
        return after
    return after[0] - before[0], after[1] - before[1]


def _by_second(logs: Logs, began_s: float, load_s: float, but: int) -> list[Counter[int]]:
    seconds = [Counter[int]() for _ in range(int(load_s))]
    for one in logs.sent:
        second = int(one.done_us / 1e6 - began_s)
        if one.tenant != but and 0 <= second < len(seconds):
            seconds[second][one.status] += 1
    return seconds
