"""Names what kept a step from doing more. The rules, in their order; the first that holds tells.

1. generator   a generator process used at least 90 % of a core.
2. limiter     at least 1 % of what was sent was answered 429, or refused as too much (503).
3. compute     the executions of a model used at least 85 % of the time that its instances had; or
               requests waited for execution at least as long as they were computed while the
               cores of this machine were 95 % used, by Triton more than by anyone else.
4. queue       requests waited at least as long as they were computed, though instances had time:
               a batch that waits to be filled, bursts, or too few instances for their lengths.
5. gateway     it used at least 90 % of a core for each of its workers.
6. whoever used most of the cores, where they were 95 % used.
7. none        an open loop that answered at least 99 % of its rate, or a closed loop: its users
               wait for answers, and nothing else was at its end.
8. unknown     an open loop fell behind, and nothing that was seen explains it.
"""

import os
from dataclasses import dataclass

from loadtest.breakdown import GATEWAY_NOT_KNOWN, compute_ns
from loadtest.figures import answered, errors, held, limited, measured, missed
from loadtest.results import Bottleneck, Loop, ModelCounts, Step

GENERATOR_CPU = 0.9
_LIMITED_SHARE = 0.01
_BUSY_SHARE = 0.85
_FULL_MACHINE = 0.95
_GATEWAY_CPU = 0.9
_RATE_KEPT = 0.99
_REFUSALS = ("crowded", "store_away")
OTHERS = "other programs"


@dataclass(frozen=True)
class Verdict:
    """What it was, and the figures that say so."""

    bottleneck: Bottleneck
    reason: str


def name_bottleneck(step: Step, *, cores: int | None = None) -> Verdict:
    """What kept this step from doing more; `cores` are those of this machine."""
    cores = cores or os.cpu_count() or 1
    return (
        _generator(step)
        or _limiter(step)
        or _compute(step, cores)
        or _queue(step)
        or _gateway(step)
        or _full_machine(step, cores)
        or _none(step)
    )


def generator_cpu(step: Step) -> float:
    """Cores of the busiest generator process, in the mean of the seconds that count."""
    windows = held(step)
    return sum(window.generator_cpu for window in windows) / len(windows) if windows else 0.0


def generator_cores(step: Step) -> float:
    """Cores of all generator processes together, in the mean of the seconds that count."""
    windows = held(step)
    # An older run knows the busiest process alone.
    cores = [max(window.generator_cores, window.generator_cpu) for window in windows]
    return sum(cores) / len(cores) if cores else 0.0


def busiest(step: Step) -> tuple[str, float]:
    """The model whose instances were busy for most of their time, and that share."""
    shares = {name: busy_share(model, step.observed_s) for name, model in step.models.items()}
    name = max(shares, key=shares.__getitem__, default="")
    return name, shares.get(name, 0.0)


def busy_share(model: ModelCounts, seconds: float) -> float:
    """Of the time that the instances of a model had, the part in which they executed."""
    had_ns = seconds * 1e9 * model.instances
    # Executions at the edges of a step are counted when they end.
    return min(1.0, model.busy_ns / had_ns) if had_ns else 0.0


def others_cores(step: Step, cores: int) -> float:
    """Cores that programs used which this step knows nothing of."""
    if not step.observed_s:
        return 0.0
    return max(0.0, step.machine_cpu * cores - sum(_used_s(step).values()) / step.observed_s)


def biggest_user(step: Step, cores: int) -> str:
    """Who used most of the cores: Triton, the gateway, the generator or OTHERS."""
    used = _used_s(step) | {OTHERS: others_cores(step, cores) * step.observed_s}
    return max(used, key=used.__getitem__)


def taken_by_others(step: Step, *, cores: int | None = None) -> str:
    """In words, where the cores were used up, most by programs that are no part of the test.

    Empty also where Triton or the gateway is not seen: either may be what others seem to be.
    """
    cores = cores or os.cpu_count() or 1
    unseen = any(note.startswith(GATEWAY_NOT_KNOWN) for note in step.notes)
    unseen = unseen or (step.gateway is not None and not step.gateway.workers)
    if unseen or not step.triton_cpu_s or not _is_full(step):
        return ""
    return _full_told(step, OTHERS) if biggest_user(step, cores) == OTHERS else ""


def _generator(step: Step) -> Verdict | None:
    cpu = generator_cpu(step)
    if cpu < GENERATOR_CPU:
        return None
    return Verdict(
        Bottleneck.GENERATOR, f"the generator used {cpu:.0%} of a core: start more processes of it"
    )


def _limiter(step: Step) -> Verdict | None:
    sent = sum(window.sent for window in measured(step))
    refused = limited(step)
    if step.gateway:
        refused += sum(step.gateway.decisions.get(outcome, 0) for outcome in _REFUSALS)
    if not sent or refused < sent * _LIMITED_SHARE:
        return None
    return Verdict(Bottleneck.LIMITER, f"limits refused {refused:,} of {sent:,} requests")


def _compute(step: Step, cores: int) -> Verdict | None:
    model, busy = busiest(step)
    if busy >= _BUSY_SHARE:
        return Verdict(
            Bottleneck.COMPUTE, f"the instances of {model} executed {busy:.0%} of the time"
        )
    if _waits_long(step) and biggest_user(step, cores) == "Triton" and _is_full(step):
        return Verdict(
            Bottleneck.COMPUTE,
            f"the cores were {step.machine_cpu:.0%} used, {step.triton_cpu_s / step.observed_s:.1f}"
            f" of {cores} by Triton, while requests waited for execution",
        )
    return None


def _queue(step: Step) -> Verdict | None:
    if not _waits_long(step):
        return None
    waited_ms, computed_ms = _waited_ms(step)
    _, busy = busiest(step)
    return Verdict(
        Bottleneck.QUEUE,
        f"requests waited {waited_ms:.2f} ms for an execution of {computed_ms:.2f} ms, "
        f"though instances executed only {busy:.0%} of the time",
    )


def _gateway(step: Step) -> Verdict | None:
    if step.gateway is None or not step.gateway.workers or not step.observed_s:
        return None
    used = step.gateway.cpu_s / step.observed_s
    workers = step.gateway.workers
    if used < _GATEWAY_CPU * workers:
        return None
    noun = "worker" if workers == 1 else "workers"
    return Verdict(Bottleneck.GATEWAY, f"the gateway's {workers} {noun} used {used:.1f} cores")


def _full_machine(step: Step, cores: int) -> Verdict | None:
    if not _is_full(step):
        return None
    named = {
        "Triton": Bottleneck.COMPUTE,
        "the gateway": Bottleneck.GATEWAY,
        "the generator": Bottleneck.GENERATOR,
    }
    user = biggest_user(step, cores)
    if user not in named:
        return Verdict(Bottleneck.UNKNOWN, _full_told(step, user))
    return Verdict(
        named[user],
        f"all {cores} cores of this machine were {step.machine_cpu:.0%} used, most by {user}",
    )


def _full_told(step: Step, user: str) -> str:
    return f"the cores of this machine were {step.machine_cpu:.0%} used, most by {user}"


def _none(step: Step) -> Verdict:
    if step.load.loop is Loop.CLOSED:
        return Verdict(Bottleneck.NONE, "nothing was at its end: more users may get more answers")
    kept = answered(step) + limited(step) + sum(errors(step).values())
    planned = sum(window.planned for window in measured(step))
    if kept >= planned * _RATE_KEPT:
        return Verdict(Bottleneck.NONE, "the rate was kept, and nothing was at its end")
    return Verdict(
        Bottleneck.UNKNOWN,
        f"{kept:,} of {planned:,} arrivals were answered ({missed(step):,} never sent), "
        "and nothing that was seen explains it",
    )


def _waited_ms(step: Step) -> tuple[float, float]:
    """Mean wait and mean compute of a request of the model that waited most in all."""
    executing = [model for model in step.models.values() if model.success and not model.composing]
    if not executing:
        return 0.0, 0.0
    model = max(executing, key=lambda one: one.queue_ns)
    return model.queue_ns / model.success / 1e6, compute_ns(model) / model.success / 1e6


def _waits_long(step: Step) -> bool:
    waited_ms, computed_ms = _waited_ms(step)
    return waited_ms > 0 and waited_ms >= computed_ms


def _is_full(step: Step) -> bool:
    return step.machine_cpu >= _FULL_MACHINE


def _used_s(step: Step) -> dict[str, float]:
    return {
        "Triton": step.triton_cpu_s,
        "the gateway": step.gateway.cpu_s if step.gateway else 0.0,
        "the generator": generator_cores(step) * step.observed_s,
    }
