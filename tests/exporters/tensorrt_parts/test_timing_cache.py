from pathlib import Path
from typing import Any

import pytest

from exporters.tensorrt_parts.bindings import import_bindings
from exporters.tensorrt_parts.cuda import Gpu
from exporters.tensorrt_parts.timing_cache import attach, cache_path, keep


class Cache:
    def __init__(self, held: bytes) -> None:
        self.held = held

    def serialize(self) -> bytes:
        return self.held


class Config:
    """Takes any cache but a spoilt one, as TensorRT does."""

    def __init__(self) -> None:
        self.cache: Cache | None = None

    def create_timing_cache(self, serialized: bytes) -> Cache | None:
        return None if serialized == b"spoilt" else Cache(serialized)

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        self.cache = cache
        return True

    def get_timing_cache(self) -> Cache | None:
        return self.cache


def test_the_file_names_flavor_version_and_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bindings = import_bindings("rtx")
    path = cache_path(bindings, Gpu("NVIDIA H100 80GB HBM3", "9.0"))
    name = f"timing-rtx-{bindings.version}-nvidia-h100-80gb-hbm3.cache"
    assert path == tmp_path / "conch" / name


def test_the_next_build_is_given_what_the_last_one_kept(tmp_path: Path) -> None:
    path, first, second = tmp_path / "deep" / "timing.cache", Config(), Config()
    first.cache = Cache(b"timings")
    keep(first, path)
    attach(second, path)
    assert second.cache is not None and second.cache.held == b"timings"


def test_a_cache_that_is_refused_is_begun_anew(tmp_path: Path) -> None:
    path, config = tmp_path / "timing.cache", Config()
    path.write_bytes(b"spoilt")
    attach(config, path)
    assert config.cache is not None and config.cache.held == b""


def test_nothing_but_the_cache_is_left(tmp_path: Path) -> None:
    config = Config()
    config.cache = Cache(b"timings")
    keep(config, tmp_path / "timing.cache")
    assert [path.name for path in tmp_path.iterdir()] == ["timing.cache"]
