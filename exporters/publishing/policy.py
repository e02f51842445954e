"""Which versions of a model Triton serves: reads and changes `version_policy` in a configuration.

The text is edited in place, so that comments and the order of what people wrote stay.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exporters.extras import extra

CONTAINER_CONFIG = "config.pbtxt"
EMBEDDED_CONFIG = "configs/embedded.pbtxt"
# The embedded one first: when config.pbtxt changes, everything else has.
CONFIGS = (EMBEDDED_CONFIG, CONTAINER_CONFIG)

_FIELD = "version_policy"
# Comments and strings are stepped over as a whole, so that no brace in them counts.
_TOKEN = re.compile(rf'#[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\b{_FIELD}\b|[{{}}]')
_COMMENT = re.compile(r"#[^\n]*")


def served_by(text: str, published: Sequence[int]) -> list[int]:
    """The versions of `published` that a configuration makes Triton serve.

    >>> served_by("version_policy { specific { versions: [1, 3] } }", [1, 2])
    [1]
    >>> served_by("", [1, 2])
    [2]
    """
    policy = _policy(text)
    if policy is None or re.search(r"\blatest\b", policy):
        return sorted(published)[-newest_served(text) :]
    if re.search(r"\ball\b", policy):
        return sorted(published)
    wanted = {int(number) for number in re.findall(r"\d+", policy)}
    return sorted(wanted.intersection(published))


def newest_served(text: str) -> int:
    """How many of the newest versions a configuration asks for; 1 where it does not say."""
    found = re.search(r"\bnum_versions\s*:\s*(\d+)", _policy(text) or "")
    return int(found[1]) if found else 1


def with_served(text: str, versions: Sequence[int]) -> str:
    """The same configuration, serving exactly these versions.

    >>> print(with_served("max_batch_size: 8", [2]))
    max_batch_size: 8
    version_policy {
      specific {
        versions: [2]
      }
    }
    <BLANKLINE>
    """
    numbers = ", ".join(map(str, sorted(versions)))
    block = f"{_FIELD} {{\n  specific {{\n    versions: [{numbers}]\n  }}\n}}"
    span = _policy_span(text)
    if span is None:
        return f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{block}\n"
    return text[: span[0]] + block + text[span[1] :]


def config_problem(path: Path) -> str | None:
    """Why Triton's own protobuf does not read this configuration; None where it does."""
    try:
        parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return " ".join(str(error).split())
    return None


def parse(text: str) -> Any:
    """The configuration as Triton's protobuf; a ValueError says where it does not parse."""
    with extra("embedded"):
        from google.protobuf import text_format
        from tritonclient.grpc import model_config_pb2

    try:
        return text_format.Parse(text, model_config_pb2.ModelConfig())
    except text_format.ParseError as error:
        raise ValueError(str(error)) from error


def _policy(text: str) -> str | None:
    span = _policy_span(text)
    return None if span is None else _COMMENT.sub("", text[span[0] : span[1]])


def _policy_span(text: str) -> tuple[int, int] | None:
    """Where `version_policy { … }` stands at the top level of the text."""
    depth, start = 0, None
    for token in _TOKEN.finditer(text):
        if token[0] == _FIELD and depth == 0:
            start = token.start()
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if token[0] == "}" and depth == 0 and start is not None:
            return start, token.end()
    return None
