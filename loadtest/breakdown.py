"""Splits the mean latency of a good answer by where it was spent.

    latency from the planned time = generator + service
    service                       = network + gateway + queue + compute

Generator is what passed before a request was sent (open loop only); gateway is the mean of
`conch_gateway_overhead_seconds`; queue and compute are Triton's own counters over its successes,
an ensemble's those of the models that it calls. Network is the rest: kernel, sockets, wire, and
the HTTP work of Triton and of the generator.
"""

from loadtest.figures import measured
from loadtest.histogram import count, mean_us, merged
from loadtest.results import Breakdown, Loop, ModelCounts, Step

# Looks at the servers and at the windows are not of the same instant.
TOLERANCE = 0.10
# How a note begins where the gateway was called and not looked at: network then holds its part.
GATEWAY_NOT_KNOWN = "the gateway's part is not known"


def breakdown(step: Step) -> tuple[Breakdown | None, list[str]]:
    """The parts, and notes on why there are none or how little they can be relied on."""
    service = merged(window.service for window in measured(step))
    if not count(service):
        return None, ["the latency cannot be split: there was no good answer"]
    if not step.models:
        return None, []  # Why nothing is known of Triton has been noted by whoever looked.
    overlap = _asked_and_called(step.models)
    if overlap:
        return None, [
            f"the latency cannot be split: {', '.join(overlap)} is asked for and called by an "
            "ensemble, and Triton counts both together"
        ]
    requests = _requests(step.models)
    if not requests:
        return None, ["the latency cannot be split: Triton counted no success"]
    return _split(step, mean_us(service) / 1e3, requests)


def _split(step: Step, service_ms: float, requests: int) -> tuple[Breakdown | None, list[str]]:
    executing = [model for model in step.models.values() if not model.composing]
    queue_ms = sum(model.queue_ns for model in executing) / requests / 1e6
    compute_ms = sum(map(compute_ns, executing)) / requests / 1e6
    gateway_ms = _gateway_ms(step)
    known_ms = queue_ms + compute_ms + gateway_ms
    if known_ms > service_ms * (1 + TOLERANCE):
        return None, [
            f"the latency cannot be split: gateway {gateway_ms:.2f}, queue {queue_ms:.2f} and "
            f"compute {compute_ms:.2f} ms are more than the {service_ms:.2f} ms that answers took "
            "(steps of an ensemble that run side by side, or other clients' requests)"
        ]
    return Breakdown(
        generator_ms=_generator_ms(step, service_ms),
        network_ms=max(0.0, service_ms - known_ms),
        gateway_ms=gateway_ms,
        queue_ms=queue_ms,
        compute_ms=compute_ms,
    ), []


def compute_ns(model: ModelCounts) -> int:
    """Input, infer and output of all its requests together."""
    return model.compute_input_ns + model.compute_infer_ns + model.compute_output_ns


def _gateway_ms(step: Step) -> float:
    if step.gateway is None or not step.gateway.overhead_count:
        return 0.0
    return step.gateway.overhead_s / step.gateway.overhead_count * 1e3


def _generator_ms(step: Step, service_ms: float) -> float:
    if step.load.loop is not Loop.OPEN:
        return 0.0
    corrected = merged(window.corrected for window in measured(step))
    return max(0.0, mean_us(corrected) / 1e3 - service_ms)


def _called(models: dict[str, ModelCounts]) -> set[str]:
    return {name for model in models.values() for name in model.composing}


def _requests(models: dict[str, ModelCounts]) -> int:
    called = _called(models)
    return sum(model.success for name, model in models.items() if name not in called)


def _asked_and_called(models: dict[str, ModelCounts]) -> list[str]:
    """Models that have more successes than the ensembles that call them can explain."""
    found = []
    for name in sorted(_called(models)):
        calls = sum(model.success * model.composing.count(name) for model in models.values())
        if models[name].success > calls * (1 + TOLERANCE) + 1:
            found.append(name)
    return found
