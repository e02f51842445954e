"""The tuned values in a configuration's text, and nothing else of it."""

from dataclasses import replace

import pytest

from exporters.publishing.policy import parse
from stack.errors import TuningError
from stack.tuning.configuration import Configuration, configuration
from stack.tuning.values import Values

TEXT = """
name: "digits" backend: "onnxruntime" max_batch_size: 32
version_policy { specific { versions: [3] } }
input { name: "x" data_type: TYPE_FP32 dims: [2] }
output { name: "y" data_type: TYPE_FP32 dims: [2] label_filename: "labels.txt" }
instance_group { count: 1 kind: KIND_CPU }
dynamic_batching { max_queue_delay_microseconds: 1000 default_queue_policy { max_queue_size: 9 } }
model_warmup { name: "batch 32" batch_size: 32 }
response_cache { enable: true }
"""
OTHER = Values(instances=3, queue_delay_us=0, max_batch=16, preferred_batch=8, threads=2)


def config(text: str = TEXT, *, embedded: bool = True) -> Configuration:
    return configuration(text, embedded=embedded)


def test_the_values_are_read() -> None:
    assert config().values == Values(1, 1000, 32, 0, 0)


def test_what_is_written_is_read_again() -> None:
    written = config().with_values(OTHER)
    assert config(written.text).values == OTHER
    parsed = parse(written.text)
    assert parsed.dynamic_batching.default_queue_policy.max_queue_size == 9
    assert parsed.output[0].label_filename == "labels.txt"
    assert parsed.instance_group[0].kind == parsed.instance_group[0].KIND_CPU
    # A warm-up larger than the largest batch would keep the model from loading.
    assert parsed.model_warmup[0].batch_size == 16


def test_the_way_back_gives_what_was_there() -> None:
    there = config().with_values(replace(OTHER, threads=0, max_batch=32))
    assert parse(there.with_values(config().values).text) == parse(TEXT)


def test_a_trial_has_its_own_name_one_version_and_no_cache() -> None:
    parsed = parse(config().as_trial("trial_1").text)
    assert parsed.name == "trial_1"
    assert list(parsed.version_policy.specific.versions) == [1]
    assert not parsed.HasField("response_cache")


def test_a_model_without_a_batcher_gets_one_only_with_a_delay() -> None:
    without = config('backend: "pytorch" max_batch_size: 8 instance_group { count: 1 }')
    assert without.values.queue_delay_us is None
    assert not parse(without.with_values(without.values).text).HasField("dynamic_batching")
    given = without.with_values(replace(without.values, queue_delay_us=0))
    assert parse(given.text).HasField("dynamic_batching")


@pytest.mark.parametrize(
    ("text", "embedded", "tunable"),
    [
        ('backend: "onnxruntime" instance_group { count: 1 }', True, {"instances", "threads"}),
        ('backend: "pytorch" instance_group { count: 1 }', False, {"instances"}),
        ('backend: "onnxruntime" instance_group { kind: KIND_GPU }', False, {"instances"}),
        ('backend: "tensorrt" max_batch_size: 4 sequence_batching {}', False, set()),
        (TEXT, True, {"instances", "threads", "queue_delay_us", "max_batch", "preferred_batch"}),
    ],
)
def test_only_what_the_server_would_follow_is_tuned(
    text: str, embedded: bool, tunable: set[str]
) -> None:
    assert set(config(text, embedded=embedded).tunable) == tunable


def test_the_backends_of_the_container_read_threads_under_another_name() -> None:
    written = config(embedded=False).with_values(OTHER)
    assert parse(written.text).parameters["intra_op_thread_count"].string_value == "2"


def test_an_ensemble_is_refused_with_its_steps() -> None:
    text = 'name: "all" ensemble_scheduling { step { model_name: "a" } step { model_name: "b" } }'
    with pytest.raises(TuningError, match=r"Tune its steps: a, b\."):
        _ = config(text).tunable
