"""What is in the model repository, and what became of it in Triton."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

# Also what the gateway takes for a model's name; hidden folders are not models.
_SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[1-9]\d*")
# Triton's Python backend adds a traceback to the reason of a failed load.
_TRACEBACK = re.compile(r"\s*\n\nAt:\n.*", re.DOTALL)
_REASON_PREFIX = re.compile(r"^(?:Internal|Invalid argument|Unavailable|Not found): ")
_ERROR_PREFIX = re.compile(r"^(?:BackendError|TritonModelException): ")
_STUB_GONE = re.compile(r"Stub process '[^']+' is not healthy\.;?")
_POLL_FAILED = re.compile(r"Poll failed for model directory '([^']+)': (.*?)\"?$", re.MULTILINE)
_DEPENDS = re.compile(r"ensemble '([^']+)' (depends on '[^']+' which has no loaded version)")


@dataclass(frozen=True)
class BrokenModel:
    """A model that does not serve, and Triton's reason."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"model {self.name} is not served: {self.reason}"


@dataclass(frozen=True)
class LoadReport:
    """What a start came to: the models that serve, and those that do not."""

    ready: tuple[str, ...]
    broken: tuple[BrokenModel, ...]


def loadable_models(repository: Path) -> list[str]:
    """Names of the folders that Triton can be asked for: with a configuration and a version."""
    return sorted(
        folder.name
        for folder in repository.iterdir()
        if _SAFE_NAME.fullmatch(folder.name) and _has_config(folder) and _has_version(folder)
    )


def is_safe_name(name: str) -> bool:
    """Whether Triton can be asked for a folder of this name."""
    return _SAFE_NAME.fullmatch(name) is not None


def unsafe_names(repository: Path) -> list[str]:
    """Models that Triton is not asked for: it would pass their names to a shell, unquoted."""
    names = (folder.name for folder in repository.iterdir() if _has_config(folder))
    return sorted(name for name in names if name[0] != "." and not _SAFE_NAME.fullmatch(name))


def load_report(
    asked: Sequence[str],
    index: Iterable[Mapping[str, Any]],
    log_text: str,
    crashing: Mapping[str, str] = MappingProxyType({}),
) -> LoadReport:
    """Compare what was asked for with Triton's repository index.

    The index has no reason for a model whose configuration Triton refused; the log has. Neither
    knows of the models that were found to be `crashing` Triton.
    """
    entries = list(index)
    ready = {entry["name"] for entry in entries if entry.get("state") == "READY"}
    reasons = dict(_POLL_FAILED.findall(log_text) + _DEPENDS.findall(log_text))
    reasons.update({entry["name"]: entry["reason"] for entry in entries if entry.get("reason")})
    reasons.update(crashing)
    return LoadReport(
        ready=tuple(name for name in asked if name in ready),
        broken=tuple(
            BrokenModel(name, plain_reason(reasons.get(name, "Triton gave no reason")))
            for name in asked
            if name not in ready
        ),
    )


def plain_reason(reason: str) -> str:
    """Triton's reason without traceback, status words and line breaks.

    >>> plain_reason("Internal: ValueError: no such file\\n\\nAt:\\n  model.py(8): initialize\\n")
    'ValueError: no such file'
    """
    reason = _REASON_PREFIX.sub("", _TRACEBACK.sub("", reason))
    reason = _STUB_GONE.sub("the process that runs it crashed; Triton's log has its words", reason)
    return " ".join(_ERROR_PREFIX.sub("", reason).split())


def _has_config(folder: Path) -> bool:
    return (folder / "config.pbtxt").exists() or (folder / "configs/embedded.pbtxt").exists()


def _has_version(folder: Path) -> bool:
    return any(_VERSION.fullmatch(entry.name) and entry.is_dir() for entry in folder.iterdir())
