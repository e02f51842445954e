"""Builds an engine from a network: configuration, profiles, timing cache, serialized bytes."""

from __future__ import annotations

from typing import Any

from exporters.errors import CompileError, HostError, SpecError
from exporters.options import TensorRTOptions
from exporters.spec import ModelSpec
from exporters.tensorrt_parts import profiles, timing_cache
from exporters.tensorrt_parts.cuda import Gpu, find_gpu
from exporters.tensorrt_parts.messages import reason
from exporters.tensorrt_parts.network import Parsed


def check_options(options: TensorRTOptions, flavor: str) -> None:
    """Refuses what a flavor lacks before any work: RTX itself ignores it or fails in a page."""
    if flavor != "rtx":
        return
    if options.version_compatible:
        raise SpecError(
            "TensorRT for RTX has no version-compatible engines: its lean runtime does not exist. "
            "Set version_compatible=False, or build with the flavor 'tensorrt'."
        )
    if options.hardware_compatible:
        raise SpecError(
            "TensorRT for RTX takes no hardware_compatible: it compiles for the GPU where the "
            "engine runs, on every RTX GPU alike. Set hardware_compatible=False."
        )
    if options.strip_weights and find_gpu() is None:
        raise HostError(
            "TensorRT for RTX strips the weights of an engine only where there is a GPU, and this "
            "machine has none. Set strip_weights=False, or build on a machine with a GPU."
        )


def build(parsed: Parsed, spec: ModelSpec, precision: str) -> bytes:
    """The serialized engine; raises a `CompileError` with TensorRT's own reason."""
    gpu = find_gpu()
    config = _configure(parsed, spec.tensorrt, precision)
    _add_profiles(parsed, config, spec)
    # TensorRT for RTX would ask for a GPU as soon as it has a timing cache.
    cached = parsed.bindings.flavor == "tensorrt" and gpu is not None
    return _build(parsed, config, spec.name, gpu if cached else None)


def _build(parsed: Parsed, config: Any, model: str, cached_for: Gpu | None) -> bytes:
    builder = parsed.builder
    cache = timing_cache.cache_path(parsed.bindings, cached_for) if cached_for else None
    if cache:
        timing_cache.attach(config, cache)
    plan = builder.build_serialized_network(parsed.network, config)
    if plan is None:
        raise CompileError(
            f"TensorRT {parsed.bindings.version} cannot build '{model}': {reason(parsed.logger)}. "
            "Try a lower builder_level, a larger workspace_bytes or narrower profiles, or another "
            "format."
        )
    if cache:
        timing_cache.keep(config, cache)
    return bytes(plan)


def _configure(parsed: Parsed, options: TensorRTOptions, precision: str) -> Any:
    trt = parsed.bindings.trt
    builder = parsed.builder
    config = builder.create_builder_config()
    config.builder_optimization_level = options.builder_level
    # The inspector tells types only of an engine that was built with this.
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    # On unless it is cleared, and then float32 is rounded to 10 bits of mantissa.
    if precision != "tf32":
        config.clear_flag(trt.BuilderFlag.TF32)
    if options.workspace_bytes:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_bytes)
    if options.version_compatible:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    if options.hardware_compatible:
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
    if options.strip_weights:
        config.set_flag(trt.BuilderFlag.STRIP_PLAN)
        config.set_flag(trt.BuilderFlag.REFIT)
    return config


def _add_profiles(parsed: Parsed, config: Any, spec: ModelSpec) -> None:
    if not profiles.is_dynamic(spec):
        return
    builder = parsed.builder
    for number, shapes in enumerate(profiles.resolve(spec)):
        profile = builder.create_optimization_profile()
        for name, shape in shapes.items():
            profile.set_shape(name, shape.min, shape.opt, shape.max)
        if config.add_optimization_profile(profile) < 0:
            raise CompileError(
                f"TensorRT {parsed.bindings.version} refuses profile {number} of '{spec.name}': "
                f"{reason(parsed.logger)}. Give other ranges in the model's TensorRT profiles."
            )
