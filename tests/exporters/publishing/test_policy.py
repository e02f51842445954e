from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as triton

from exporters.publishing.policy import (
    config_problem,
    newest_served,
    served_by,
    with_served,
)

HAND_WRITTEN = """\
# Ours; version_policy { all {} } is what we had before.
backend: "onnxruntime"  # not "pytorch {"
parameters { key: "version_policy" value { string_value: "} latest {" } }
input [{ name: "x" data_type: TYPE_FP32 dims: [2] }]
version_policy: {  # only the good ones: 1, 4
  specific { versions: 2, versions: 3 }
}
max_batch_size: 8
"""


def parsed(text: str) -> triton.ModelConfig:
    return text_format.Parse(text, triton.ModelConfig())


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ("", [7]),
        ("version_policy { latest { num_versions: 2 } }", [3, 7]),
        ("version_policy: { latest { } }", [7]),
        ("version_policy { all { } }", [1, 3, 7]),
        ("version_policy { specific { versions: [3, 9] } }", [3]),
        ("version_policy { specific { versions: 1 versions: 7 } }", [1, 7]),
        ("version_policy { specific { versions: [] } }", []),
    ],
)
def test_the_served_versions_are_those_that_triton_would_serve(
    policy: str, served: list[int]
) -> None:
    parsed(policy)
    assert served_by(policy, [1, 3, 7]) == served


def test_comments_and_strings_are_no_policy() -> None:
    assert served_by(HAND_WRITTEN, [1, 2, 3, 4]) == [2, 3]


def test_only_the_policy_changes() -> None:
    changed = with_served(HAND_WRITTEN, [5, 4])
    expected = parsed(HAND_WRITTEN)
    expected.version_policy.specific.versions[:] = [4, 5]
    assert parsed(changed) == expected
    before, after = HAND_WRITTEN.splitlines(), changed.splitlines()
    assert [line for line in after if "version" not in line and line[:1] not in " }"] == [
        line for line in before if "version" not in line and line[:1] not in " }"
    ]


@pytest.mark.parametrize("text", ["", "max_batch_size: 8", "max_batch_size: 8\n"])
def test_a_configuration_without_a_policy_gets_one(text: str) -> None:
    assert served_by(with_served(text, [2]), [1, 2, 3]) == [2]
    assert parsed(with_served(text, [2])).max_batch_size == parsed(text).max_batch_size


def test_how_many_versions_are_wanted_side_by_side() -> None:
    assert newest_served("version_policy { latest { num_versions: 3 } }") == 3
    assert newest_served(HAND_WRITTEN) == 1


def test_a_configuration_that_does_not_parse_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.pbtxt").write_text("no_such_field: 1", encoding="utf-8")
    assert "no_such_field" in (config_problem(tmp_path / "config.pbtxt") or "")
    (tmp_path / "config.pbtxt").write_text(HAND_WRITTEN, encoding="utf-8")
    assert config_problem(tmp_path / "config.pbtxt") is None
