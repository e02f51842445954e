"""Makes a step of what the generator measured and what was observed meanwhile."""

import os
from collections.abc import Sequence

import msgspec

from loadtest.bottleneck import GENERATOR_CPU, generator_cpu, name_bottleneck, others_cores
from loadtest.breakdown import breakdown
from loadtest.figures import answered, held, latency, measured
from loadtest.histogram import mean_us, merged
from loadtest.observing import Observed
from loadtest.results import Bottleneck, Load, Loop, Step, Window
from loadtest.validity import invalid_reasons

# Requests at the edges of a step are counted on one side only.
_CLIENTS_SHARE = 1.25
_CLIENTS_LEAST = 100
# Less is the system's own.
_PROGRAMS_SHARE = 0.25
# Of the latency from the planned time, what may pass before a request is sent.
_LATE_SHARE = 0.1
_LATE_LEAST_US = 300.0


def judged_step(
    label: str,
    load: Load,
    windows: Sequence[Window],
    observed: Observed,
    *,
    limits_expected: bool = False,
    warmup_needed: bool = True,
) -> Step:
    """The step with its breakdown, its bottleneck and the reasons against it."""
    measured = Step(
        label=label,
        load=load,
        windows=list(windows),
        seconds=0.0,
        models=observed.models,
        gateway=observed.gateway,
        triton_cpu_s=observed.triton_cpu_s,
        observed_s=observed.seconds,
        machine_cpu=observed.machine_cpu,
    )
    step = msgspec.structs.replace(measured, seconds=float(len(held(measured))))
    reasons = invalid_reasons(step, limits_expected=limits_expected, warmup_needed=warmup_needed)
    parts, notes = (None, []) if observed.reasons else breakdown(step)
    verdict = name_bottleneck(step)
    if verdict.bottleneck is Bottleneck.GENERATOR and generator_cpu(step) < GENERATOR_CPU:
        # No process of it was at its end, and all of it was what the servers had no cores for.
        reasons.append(f"the generator was what the cores went to: {verdict.reason}")
    return msgspec.structs.replace(
        step,
        breakdown=parts,
        bottleneck=verdict.bottleneck,
        bottleneck_reason=verdict.reason,
        invalid=observed.reasons + reasons,
        notes=observed.notes
        + notes
        + _other_clients(step)
        + _other_programs(step)
        + _late_sending(step),
    )


def _other_clients(step: Step) -> list[str]:
    """A note where Triton answered far more than we asked: its counters tell of others, too."""
    called = {name for model in step.models.values() for name in model.composing}
    theirs = sum(model.success for name, model in step.models.items() if name not in called)
    # Triton also computes what was given up here, and some of it after the warm-up only.
    failed = sum(sum(window.errors.values()) for window in step.windows)
    ours = answered(step) + failed
    if theirs <= ours * _CLIENTS_SHARE or theirs - ours < _CLIENTS_LEAST:
        return []
    return [
        f"Triton answered {theirs:,} requests and {ours:,} were ours: other clients were there, "
        "and queue, compute and batches are theirs as well"
    ]


def _late_sending(step: Step) -> list[str]:
    """A note where requests went out late: an open loop's latency holds that, too."""
    if step.load.loop is not Loop.OPEN:
        return []
    latency_us = mean_us(latency(step))
    late_us = latency_us - mean_us(merged(window.service for window in measured(step)))
    if late_us < max(_LATE_LEAST_US, latency_us * _LATE_SHARE):
        return []
    # Without figures, so that it is told once for all steps.
    return [
        f"requests were sent late, by more than {_LATE_SHARE:.0%} of the mean latency: the "
        "generator did not get its time on this machine, and the latency is partly its own"
    ]


def _other_programs(step: Step) -> list[str]:
    cores = os.cpu_count() or 1
    if others_cores(step, cores) < cores * _PROGRAMS_SHARE:
        return []
    return [
        f"other programs used more than {_PROGRAMS_SHARE:.0%} of this machine's cores: "
        "latencies are higher than on an idle one, and differ from run to run"
    ]
