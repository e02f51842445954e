"""Keeps what TensorRT measured of its kernels, so that the next build need not measure again."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

from exporters.tensorrt_parts.bindings import Bindings
from exporters.tensorrt_parts.cuda import Gpu


def cache_path(bindings: Bindings, gpu: Gpu) -> Path:
    """One file for each TensorRT and kind of GPU: timings of another would be refused or wrong."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    device = re.sub(r"[^a-z0-9]+", "-", gpu.name.lower()).strip("-")
    return Path(home) / "conch" / f"timing-{bindings.flavor}-{bindings.version}-{device}.cache"


def attach(config: Any, path: Path) -> None:
    """Gives the build what earlier ones left; a file that TensorRT refuses is begun anew."""
    kept = path.read_bytes() if path.exists() else b""
    cache = config.create_timing_cache(kept)
    if cache is None or not config.set_timing_cache(cache, False):
        config.set_timing_cache(config.create_timing_cache(b""), False)


def keep(config: Any, path: Path) -> None:
    """Written whole or not at all: two builds may end at once, and the later one's file stays."""
    cache = config.get_timing_cache()
    if cache is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(bytes(cache.serialize()))
    os.replace(name, path)
