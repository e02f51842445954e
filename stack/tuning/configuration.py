"""Reads the tuned values from a model's configuration, and writes others into it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from exporters.errors import PublishError
from exporters.extras import extra
from exporters.publishing.policy import CONTAINER_CONFIG, EMBEDDED_CONFIG, parse
from stack.errors import TuningError
from stack.tuning.values import AUTO, Values

_HEADER = "# Written by Conch for this model; what publishes its next version replaces it.\n"
# NVIDIA's backends read the number under names of their own, and for PyTorch it is one for the
# whole server, so it is not tried there.
_THREADS_EMBEDDED = {"onnxruntime": "INTRA_OP_THREAD_COUNT", "pytorch": "INTRA_OP_THREAD_COUNT"}
_THREADS_CONTAINER = {"onnxruntime": "intra_op_thread_count"}


@dataclass(frozen=True)
class Configuration:
    """The configuration of one model, as the server that is measured reads it.

    >>> configuration_of(Path("model_repository/mnist_cnn"), embedded=True).values.instances
    1
    """

    parsed: Any
    threads_parameter: str
    """Where this model's backend reads its thread count; empty where it reads none."""
    embedded: bool

    @property
    def values(self) -> Values:
        """What the configuration says now."""
        config = self.parsed
        batching = config.dynamic_batching
        has_batching = config.HasField("dynamic_batching")
        return Values(
            instances=sum(group.count for group in config.instance_group) or 1,
            queue_delay_us=batching.max_queue_delay_microseconds if has_batching else None,
            max_batch=config.max_batch_size,
            preferred_batch=max(batching.preferred_batch_size, default=0),
            threads=self._threads(),
        )

    @property
    def tunable(self) -> tuple[str, ...]:
        """Names of the values that may be changed; TuningError where there is nothing to tune."""
        config = self.parsed
        if config.HasField("ensemble_scheduling"):
            steps = sorted({step.model_name for step in config.ensemble_scheduling.step})
            raise TuningError(
                f"'{config.name}' is an ensemble, which runs nothing itself. Tune its steps: "
                f"{', '.join(steps)}."
            )
        names = []
        if len(config.instance_group) == 1:
            names.append("instances")
        if self.threads_parameter:
            names.append("threads")
        if config.max_batch_size > 1 and not config.HasField("sequence_batching"):
            names += ["queue_delay_us", "max_batch"]
            # Several preferred sizes were chosen by somebody who knows the engine's profiles.
            if len(config.dynamic_batching.preferred_batch_size) <= 1:
                names.append("preferred_batch")
        return tuple(names)

    @property
    def text(self) -> str:
        """As it is written into the file."""
        with extra("embedded"):
            from google.protobuf import text_format

        body = text_format.MessageToString(self.parsed, use_short_repeated_primitives=True)
        # Protobuf leaves zero out, and a reader should see that batching is off.
        zero = "max_batch_size: 0\n" if self.parsed.max_batch_size == 0 else ""
        return f"{_HEADER}{zero}{body}"

    def with_values(self, values: Values) -> "Configuration":
        """The same model, served with these values."""
        before, config = self.values, self._copy()
        if values.instances != before.instances:
            config.instance_group[0].count = values.instances
        if values.threads != before.threads:
            config.parameters[self.threads_parameter].string_value = str(values.threads)
        if values.queue_delay_us is not None:
            config.dynamic_batching.SetInParent()
            config.dynamic_batching.max_queue_delay_microseconds = values.queue_delay_us
        if values.preferred_batch != before.preferred_batch:
            del config.dynamic_batching.preferred_batch_size[:]
            if values.preferred_batch:
                config.dynamic_batching.preferred_batch_size.append(values.preferred_batch)
        config.max_batch_size = values.max_batch
        _shorten_warmups(config, values.max_batch)
        return replace(self, parsed=config)

    def as_trial(self, name: str) -> "Configuration":
        """The same under another name, in a folder that holds version 1 alone."""
        config = self._copy()
        config.name = name
        config.ClearField("version_policy")
        config.version_policy.specific.versions.append(1)
        # The load repeats its requests; what it would measure is the cache.
        config.ClearField("response_cache")
        return replace(self, parsed=config)

    def _copy(self) -> Any:
        config = type(self.parsed)()
        config.CopyFrom(self.parsed)
        return config

    def _threads(self) -> int:
        # To ask a map of protobuf for a key makes the key.
        if self.threads_parameter not in self.parsed.parameters:
            return AUTO
        text = self.parsed.parameters[self.threads_parameter].string_value
        return int(text) if text.isdecimal() else AUTO


def configuration(text: str, *, embedded: bool) -> Configuration:
    """Of a configuration's text; a ValueError says where it does not parse."""
    parsed = parse(text)
    backend = parsed.backend or parsed.platform.partition("_")[0]
    group = parsed.instance_group
    on_gpu = bool(group) and group[0].kind == type(group[0]).KIND_GPU
    names = _THREADS_EMBEDDED if embedded else _THREADS_CONTAINER
    return Configuration(parsed, "" if on_gpu else names.get(backend, ""), embedded)


def configuration_of(folder: Path, *, embedded: bool) -> Configuration:
    """What the measured server reads of a model's folder; PublishError if it does not parse."""
    paths = [EMBEDDED_CONFIG, CONTAINER_CONFIG] if embedded else [CONTAINER_CONFIG]
    path = next((folder / path for path in paths if (folder / path).is_file()), None)
    if path is None:
        raise PublishError(f"{folder} holds no config.pbtxt, so nothing says how to serve it.")
    try:
        return configuration(path.read_text(encoding="utf-8"), embedded=embedded)
    except ValueError as error:
        raise PublishError(f"{path} does not parse: {' '.join(str(error).split())}.") from error


def config_path(*, embedded: bool) -> str:
    """Where values that were measured on this kind of server belong: the other keeps its own."""
    return EMBEDDED_CONFIG if embedded else CONTAINER_CONFIG


def _shorten_warmups(config: Any, max_batch: int) -> None:
    for warmup in config.model_warmup:
        if 0 < max_batch < warmup.batch_size:
            warmup.batch_size = max_batch
            warmup.name = f"batch {max_batch}"
