"""The aims of the data plane and how far each is reached: ratios of one round, round by round."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stack.gateway_bench.measuring import Measurement, Run
from stack.gateway_bench.sections import (
    AIOHTTP,
    CONCH,
    CONCH_IN,
    CONCH_KEYS,
    CONCH_LIMITS,
    CONCH_MODELS,
    CONCH_OUT,
    CONCH_TRITONS,
    DIRECT,
    FASTAPI,
    NGINX,
    NGINX_IN,
    NGINX_KEYS,
    NGINX_OUT,
)

Figure = Callable[[Measurement], float]


@dataclass(frozen=True)
class Aim:
    """What was aimed at, and the figure of each round."""

    name: str
    text: str
    values: list[float]
    form: str = "{:.2f}"


def cpu_us(measurement: Measurement) -> float:
    return measurement.cpu_us


def per_second(measurement: Measurement) -> float:
    return measurement.per_second


def p50_us(measurement: Measurement) -> float:
    return measurement.p50_us or 0


def ratios(run: Run, base: Run, figure: Figure) -> list[float]:
    """This run over the other."""
    return [figure(a) / figure(b) for a, b in zip(run.measured, base.measured, strict=True)]


def differences(run: Run, base: Run, figure: Figure) -> list[float]:
    """What this run has beyond the other."""
    return [figure(a) - figure(b) for a, b in zip(run.measured, base.measured, strict=True)]


def reached(results: Mapping[str, Sequence[Run]]) -> list[Aim]:
    """Every aim that these sections tell of."""
    tellers = {"small": _small, "large": _large, "many": _many}
    return [
        aim
        for section, runs in results.items()
        for aim in tellers[section]({run.name: run for run in runs})
    ]


def _small(runs: Mapping[str, Run]) -> list[Aim]:
    conch = runs[CONCH]
    added_us = differences(conch, runs[DIRECT], p50_us)
    return [
        Aim("CPU: Conch / nginx", "at most 2.5", ratios(conch, runs[NGINX], cpu_us)),
        Aim(
            "CPU: Conch with every kind of limit / nginx",
            "at most 2.5",
            ratios(runs[CONCH_LIMITS], runs[NGINX], cpu_us),
        ),
        Aim("p50 added at 1 connection, µs", "at most 120", added_us, "{:.0f}"),
        Aim("CPU: aiohttp / Conch", "at least 4", ratios(runs[AIOHTTP], conch, cpu_us), "{:.1f}"),
        Aim(
            "CPU: FastAPI + httpx / Conch",
            "at least 30",
            ratios(runs[FASTAPI], conch, cpu_us),
            "{:.1f}",
        ),
    ]


def _large(runs: Mapping[str, Run]) -> list[Aim]:
    sent = ratios(runs[CONCH_IN], runs[NGINX_IN], per_second)
    received = ratios(runs[CONCH_OUT], runs[NGINX_OUT], per_second)
    grown = [run.measured[-1].peak_mb / run.warm_peak_mb for run in (runs[CONCH_OUT],)]
    return [
        Aim("throughput, 600 kB in: Conch / nginx", "at least 0.80", sent),
        Aim("throughput, 600 kB out: Conch / nginx", "at least 0.80", received),
        Aim("peak memory: after the last round / after warm-up", "flat: at most 1.10", grown),
    ]


def _many(runs: Mapping[str, Run]) -> list[Aim]:
    names = {
        "100,000 keys / 1 key": CONCH_KEYS,
        "1,000 models / 1 model": CONCH_MODELS,
        "64 Tritons / 1 Triton": CONCH_TRITONS,
    }
    nginx = ratios(runs[NGINX_KEYS], runs[NGINX], cpu_us)
    return [
        *(
            Aim(f"CPU: {name}", "at most 1.10", ratios(runs[many], runs[CONCH], cpu_us))
            for name, many in names.items()
        ),
        # Others may fill the cache that this machine shares: that shows here too, if less.
        Aim("CPU: 100,000 keys / 1 key, of nginx", "none: to compare with", nginx),
    ]
