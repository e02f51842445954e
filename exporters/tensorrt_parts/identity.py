"""What an engine is tied to, and whether a server can load it. Needs no TensorRT."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exporters.errors import PublishError

# The TensorRT of `nvcr.io/nvidia/tritonserver:YY.MM-py3`, where it is known for sure; what is
# missing here is unknown and is read from the container (docs/tensorrt.md).
TENSORRT_OF_RELEASE = {"26.03": "10.16.0.72", "26.07": "11.1.0.106"}
# Engines built version-compatible by the first load in a later TensorRT of the second.
FORWARD_MAJORS = {("10", "11"), ("8", "10")}
AMPERE = (8, 0)


@dataclass(frozen=True)
class TargetServer:
    """The Triton that is to load an engine; what is not known is None and not compared."""

    tensorrt: str | None = None
    compute_capability: str | None = None
    platform: str | None = None
    version_compatible: bool = False
    """Started with `--backend-config=tensorrt,version-compatible=true`."""


@dataclass(frozen=True)
class EngineIdentity:
    """What `Compiled.details["engine"]` holds."""

    flavor: str
    tensorrt: str
    compute_capability: str | None
    """None for an engine that is compiled for its GPU where it runs (rtx)."""

    platform: str
    version_compatible: bool = False
    hardware_compatible: bool = False
    stripped: bool = False
    """Without weights, which Triton does not put back."""


def target_of_release(release: str) -> TargetServer:
    """`target_of_release("26.07")`; an unknown release leaves its TensorRT unknown."""
    return TargetServer(tensorrt=TENSORRT_OF_RELEASE.get(release))


def this_platform() -> str:
    """Like `linux-x86_64`."""
    return f"{platform.system()}-{platform.machine()}".lower()


def check_target(details: Mapping[str, Any], target: TargetServer) -> None:
    """Raises a `PublishError` with both values where `target` would refuse the engine.

    `details` is `Compiled.details`, or the manifest's.
    """
    engine = EngineIdentity(**details["engine"])
    if engine.flavor == "rtx":
        raise PublishError(
            "The engine was built by TensorRT for RTX, which no Triton backend loads. Build it "
            "with the flavor 'tensorrt' on a GPU, or publish it for other use with the explicit "
            "flag for what is not proven."
        )
    if engine.stripped:
        raise PublishError(
            "The engine has no weights, and Triton puts none into it. Put them back with "
            "exporters.tensorrt_parts.refit on the GPU that serves it, or build it with "
            "strip_weights=False."
        )
    _check_platform(engine, target)
    _check_version(engine, target)
    _check_compute_capability(engine, target)


def _check_platform(engine: EngineIdentity, target: TargetServer) -> None:
    if target.platform in (None, engine.platform):
        return
    raise PublishError(
        f"The engine was built on {engine.platform} and the server runs on {target.platform}; an "
        "engine loads only on the platform that built it. Build it there."
    )


def _check_version(engine: EngineIdentity, target: TargetServer) -> None:
    if target.tensorrt in (None, engine.tensorrt):
        return
    assert target.tensorrt is not None
    if not engine.version_compatible:
        raise PublishError(
            f"The engine was built by TensorRT {engine.tensorrt} and the server has "
            f"{target.tensorrt}; all four parts must be equal. Build it in the container with the "
            "server's own tag, or with version_compatible."
        )
    if not _moves_forward(engine.tensorrt, target.tensorrt):
        raise PublishError(
            f"The engine was built version-compatible by TensorRT {engine.tensorrt}, and the "
            f"server has {target.tensorrt}; such an engine loads in later versions only, and from "
            "10 in 11. Build it with a version that is not newer than the server's."
        )
    if not target.version_compatible:
        raise PublishError(
            f"The engine of TensorRT {engine.tensorrt} is version-compatible, and the server with "
            f"{target.tensorrt} does not take such engines. Start it with "
            "--backend-config=tensorrt,version-compatible=true, which runs code from every engine "
            "in its repository, or build with the server's version."
        )


def _moves_forward(built: str, running: str) -> bool:
    if built.split(".")[0] == running.split(".")[0]:
        return _numbers(built) <= _numbers(running)
    return (built.split(".")[0], running.split(".")[0]) in FORWARD_MAJORS


def _check_compute_capability(engine: EngineIdentity, target: TargetServer) -> None:
    if target.compute_capability in (None, engine.compute_capability):
        return
    assert target.compute_capability is not None
    if engine.hardware_compatible and _numbers(target.compute_capability) >= AMPERE:
        return
    raise PublishError(
        f"The engine was built for compute capability {engine.compute_capability} and the server's "
        f"GPU has {target.compute_capability}. Build it on such a GPU, or with "
        "hardware_compatible, which loads on 8.0 and all later ones."
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
