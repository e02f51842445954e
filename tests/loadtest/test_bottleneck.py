"""What kept a step from doing more, on planted cases: each rule, and which of two goes first."""

from typing import Any

import pytest

from loadtest.bottleneck import name_bottleneck, taken_by_others
from loadtest.breakdown import GATEWAY_NOT_KNOWN
from loadtest.results import Bottleneck, Step
from tests.loadtest.some_steps import a_step, a_window, closed, some_counts, some_gateway


def windows(**changes: Any) -> list[Any]:
    return [a_window(n, **changes) for n in range(10)]


# A request is computed in 2 ms, one after the other; of ten seconds these are busy.
IDLE = {"digits": some_counts(1000, queue_ms=0.2, busy_ms=2000)}
WAITING = {"digits": some_counts(1000, queue_ms=8.0, busy_ms=3000)}
BUSY = {"digits": some_counts(5000, queue_ms=8.0, busy_ms=9600)}

CASES: dict[str, tuple[Bottleneck, Step]] = {
    "a generator at its end": (
        Bottleneck.GENERATOR,
        a_step(windows=windows(generator_cpu=0.95), models=BUSY),
    ),
    "429": (Bottleneck.LIMITER, a_step(windows=windows(answered=90, sent=100, limited=10))),
    "refused by the limiter with 503": (
        Bottleneck.LIMITER,
        a_step(gateway=some_gateway(1000, decisions={"admitted": 900, "crowded": 100})),
    ),
    "instances that always execute": (Bottleneck.COMPUTE, a_step(models=BUSY)),
    "one of two instances that executes": (
        Bottleneck.NONE,
        a_step(models={"digits": some_counts(1000, queue_ms=0.2, busy_ms=9600, instances=2)}),
    ),
    "a full machine, of which Triton has most, and waiting": (
        Bottleneck.COMPUTE,
        a_step(models=WAITING, machine_cpu=0.99, triton_cpu_s=15),
    ),
    "waiting on a machine of which others have most": (
        Bottleneck.QUEUE,
        a_step(models=WAITING, machine_cpu=0.99, triton_cpu_s=4),
    ),
    "waiting though there is time to execute": (Bottleneck.QUEUE, a_step(models=WAITING)),
    "a gateway whose worker is at its end": (
        Bottleneck.GATEWAY,
        a_step(models=IDLE, gateway=some_gateway(1000, cpu_s=9.5)),
    ),
    "a gateway with another worker to spare": (
        Bottleneck.NONE,
        a_step(models=IDLE, gateway=some_gateway(1000, cpu_s=9.5, workers=2)),
    ),
    "a full machine, of which the gateway has most": (
        Bottleneck.GATEWAY,
        a_step(
            models=IDLE,
            gateway=some_gateway(1000, cpu_s=11, workers=2),
            machine_cpu=0.99,
            triton_cpu_s=4,
        ),
    ),
    "a full machine, of which the generator has most": (
        Bottleneck.GENERATOR,
        a_step(windows=windows(generator_cpu=0.8), machine_cpu=0.99, triton_cpu_s=4),
    ),
    "a full machine, of which others have most": (
        Bottleneck.UNKNOWN,
        a_step(models=IDLE, machine_cpu=0.99, triton_cpu_s=4),
    ),
    "a rate that was kept": (Bottleneck.NONE, a_step(models=IDLE)),
    "a rate that was not kept, and nobody knows why": (
        Bottleneck.UNKNOWN,
        a_step(windows=windows(answered=80, planned=100, missed=20), models={}),
    ),
    "users that wait for answers": (Bottleneck.NONE, closed(a_step(models=IDLE))),
}


@pytest.mark.parametrize(("expected", "step"), CASES.values(), ids=CASES)
def test_the_bottleneck_is_named(expected: Bottleneck, step: Step) -> None:
    verdict = name_bottleneck(step, cores=2)
    assert verdict.bottleneck is expected
    assert verdict.reason


def test_the_figures_that_named_it_are_told() -> None:
    assert name_bottleneck(a_step(models=BUSY)).reason == (
        "the instances of digits executed 96% of the time"
    )


def test_a_few_429_do_not_keep_a_step_from_doing_more() -> None:
    few = [a_window(n, limited=1 if n == 5 else 0) for n in range(10)]
    assert name_bottleneck(a_step(windows=few)).bottleneck is Bottleneck.NONE


def test_cores_that_others_took_are_told() -> None:
    told = "the cores of this machine were 99% used, most by other programs"
    assert taken_by_others(a_step(machine_cpu=0.99, triton_cpu_s=1), cores=2) == told


@pytest.mark.parametrize(
    "step",
    [
        a_step(machine_cpu=0.7, triton_cpu_s=1),
        a_step(machine_cpu=0.99, triton_cpu_s=15),
        a_step(machine_cpu=0.99),
        a_step(machine_cpu=0.99, triton_cpu_s=1, gateway=some_gateway(1000, workers=0)),
        a_step(machine_cpu=0.99, triton_cpu_s=1, notes=[f"{GATEWAY_NOT_KNOWN}: no address"]),
    ],
    ids=["cores are free", "Triton took them", "no Triton seen", "no workers seen", "no gateway"],
)
def test_what_may_be_the_stack_s_own_is_not_said_to_be_others(step: Step) -> None:
    assert taken_by_others(step, cores=2) == ""
