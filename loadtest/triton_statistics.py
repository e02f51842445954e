"""What Triton counts for each model, and how much of it came about between two looks.

Triton keeps a set of counters for each version of a model, which begins anew when the version is
loaded or the server starts. Of a version that went meanwhile its last counts are lost: such a
difference is given with a reason why it must not be trusted, and is never negative.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec

from loadtest.errors import MeasuringError
from loadtest.results import ModelCounts

_COMPUTE = ("compute_input", "compute_infer", "compute_output")


@dataclass(frozen=True)
class ServedModel:
    """What of a model's configuration matters here."""

    name: str
    instances: int
    composing: tuple[str, ...] = ()  # of an ensemble, a name for each of its steps


# Model and version -> the counters since that version was loaded.
Counters = dict[tuple[str, str], ModelCounts]


class TritonStatistics:
    """Looks at the counters of some models, and of the models that their ensembles call."""

    def __init__(self, client: httpx2.Client, url: str, models: Iterable[str]) -> None:
        """Raises MeasuringError where Triton does not answer, or has no such model."""
        self._client = client
        self._url = url
        self.models: dict[str, ServedModel] = {}
        waiting = list(models)
        while waiting:
            name = waiting.pop()
            if name not in self.models:
                self.models[name] = served_model(self._get(f"/v2/models/{quote(name)}/config"))
                waiting += self.models[name].composing

    def look(self) -> Counters:
        """The counters now. Raises MeasuringError where Triton does not answer."""
        found: Counters = {}
        for name in self.models:
            found |= read_counters(self._get(f"/v2/models/{quote(name)}/stats"))
        return found

    def between(
        self, before: Counters, after: Counters
    ) -> tuple[dict[str, ModelCounts], list[str]]:
        """Counts of each model between two looks, and the reasons why they must not be trusted."""
        counts, reasons = differences(before, after)
        for name, model in self.models.items():
            counts[name] = msgspec.structs.replace(
                counts.get(name, ModelCounts()),
                instances=model.instances,
                composing=list(model.composing),
            )
        return counts, reasons

    def _get(self, path: str) -> dict[str, Any]:
        try:
            answer = self._client.get(self._url + path)
            answer.raise_for_status()
            return dict(answer.json())
        except (httpx2.HTTPError, ValueError) as error:
            raise MeasuringError(f"{self._url}{path} was not answered: {error}") from error


def served_model(config: Mapping[str, Any]) -> ServedModel:
    """Read `/v2/models/NAME/config`, which Triton has completed."""
    steps = config.get("ensemble_scheduling", {}).get("step", [])
    groups = config.get("instance_group", [])
    return ServedModel(
        name=str(config["name"]),
        # A group on several GPUs has its count on each of them.
        instances=sum(int(group["count"]) * (len(group.get("gpus", [])) or 1) for group in groups),
        composing=tuple(str(step["model_name"]) for step in steps),
    )


def read_counters(statistics: Mapping[str, Any]) -> Counters:
    """Read `/v2/models/NAME/stats`."""
    return {
        (str(one["name"]), str(one["version"])): _counts(one) for one in statistics["model_stats"]
    }


def differences(before: Counters, after: Counters) -> tuple[dict[str, ModelCounts], list[str]]:
    """What was counted of each model, over all its versions, and why that may be too little."""
    found: dict[str, list[ModelCounts]] = {name: [] for name, _ in (*before, *after)}
    reasons = [
        f"version {version} of {name} was unloaded, and its last counts with it"
        for name, version in before.keys() - after.keys()
    ]
    for (name, version), counts in after.items():
        earlier = before.get((name, version), ModelCounts())
        if _went_back(earlier, counts):
            reasons.append(
                f"Triton's counters of {name} version {version} began anew: "
                "Triton was restarted, or the model loaded again"
            )
            earlier = ModelCounts()
        found[name].append(_less(counts, earlier))
    return {name: reduce(_plus, parts, ModelCounts()) for name, parts in found.items()}, reasons


def _counts(one: Mapping[str, Any]) -> ModelCounts:
    inference = one["inference_stats"]
    batches = one.get("batch_stats", [])

    def of(name: str, what: str) -> int:
        # An older server has no counters of a cache.
        return int(inference.get(name, {}).get(what, 0))

    return ModelCounts(
        success=of("success", "count"),
        fail=of("fail", "count"),
        inferences=int(one["inference_count"]),
        executions=int(one["execution_count"]),
        success_ns=of("success", "ns"),
        queue_ns=of("queue", "ns"),
        compute_input_ns=of("compute_input", "ns"),
        compute_infer_ns=of("compute_infer", "ns"),
        compute_output_ns=of("compute_output", "ns"),
        cache_hits=of("cache_hit", "count"),
        cache_misses=of("cache_miss", "count"),
        batches={int(b["batch_size"]): int(b["compute_infer"]["count"]) for b in batches},
        busy_ns=sum(int(batch[part]["ns"]) for batch in batches for part in _COMPUTE),
    )


_NUMBERS = tuple(field.name for field in msgspec.structs.fields(ModelCounts) if field.type is int)


def _went_back(earlier: ModelCounts, later: ModelCounts) -> bool:
    return any(getattr(later, name) < getattr(earlier, name) for name in _NUMBERS)


def _less(later: ModelCounts, earlier: ModelCounts) -> ModelCounts:
    batches = {
        size: number - earlier.batches.get(size, 0)
        for size, number in later.batches.items()
        if number > earlier.batches.get(size, 0)
    }
    numbers = {name: getattr(later, name) - getattr(earlier, name) for name in _NUMBERS}
    return ModelCounts(**numbers, batches=batches)


def _plus(one: ModelCounts, other: ModelCounts) -> ModelCounts:
    sizes = sorted(one.batches.keys() | other.batches.keys())
    batches = {size: one.batches.get(size, 0) + other.batches.get(size, 0) for size in sizes}
    numbers = {name: getattr(one, name) + getattr(other, name) for name in _NUMBERS}
    return ModelCounts(**numbers, batches=batches)
