"""Reads an AOTInductor package: its device and call, and what its own input checks tell.

The checks stand in the C++ source that torch puts into a package beside the library. Where a
package has none, or another PyTorch wrote them another way, the person who adds it is asked.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from exporters.artefacts.found import Dims, Draft, Found, unnamed
from exporters.errors import SpecError
from exporters.tensors import TRITON_TYPES

_MODEL = "model"
_SPEC = r'{which}_spec_ = R"\((?P<spec>.*?)\)";'
_CHECK = re.compile(r"static void check_input_(\d+)\(.*?\n}\n", re.DOTALL)
_DTYPE = re.compile(r"expected_dtype = aoti_torch_dtype_(\w+)\(\)")
_EXACT = re.compile(r'dim value at (\d+), "\s*<< "expected: (\d+)')
_LEAST = re.compile(r'too small at (\d+), "\s*<< "expected it to be >= (\d+)')
_MOST = re.compile(r'too large at (\d+), "\s*<< "expected to be <= (\d+)')
_NAME = re.compile(r'inputs_info_\[(\d+)\]\.name = "(\w+)"')
_SIZES = re.compile(r"assert_size_stride\((\w+), \{([^}]*)\}")
# Torch writes this bound where a dimension has none.
_NO_BOUND = 2**31


def read(path: Path) -> Found:
    metadata, source = _package(path)
    device = metadata.get("AOTI_DEVICE_KEY", "")
    if device != "cpu":
        raise SpecError(
            f"{path} is compiled for {device or 'a device that it does not name'}; packages for "
            "the CPU are added. Export the model from its source on the machine that is to run "
            "it: conch export … --format aoti."
        )
    count_in, count_out = _leaves(path, source, "in"), _leaves(path, source, "out")
    inputs, bounds = _inputs(source, count_in)
    for draft in inputs:
        if draft.dtype and draft.dtype not in TRITON_TYPES:
            raise SpecError(
                f"{path} takes {draft.name} as {draft.dtype}, which is not served; compile it for "
                f"one of {', '.join(TRITON_TYPES)}."
            )
    return Found(
        path=path,
        format="aoti",
        inputs=inputs,
        outputs=tuple(Draft(f"OUTPUT__{place}") for place in range(count_out)),
        bounds=bounds,
        said=f"AOTInductor package for {device} {metadata.get('AOTI_MACHINE', '')}".strip(),
    )


def _package(path: Path) -> tuple[dict[str, str], str]:
    with zipfile.ZipFile(path) as archive:
        inside = [name for name in archive.namelist() if "/data/aotinductor/" in name]
        models = sorted({name.split("/data/aotinductor/")[1].split("/")[0] for name in inside})
        if models != [_MODEL]:
            raise SpecError(
                f"{path} holds the models {', '.join(models)}; Triton serves a package with one, "
                f"called '{_MODEL}'. Package each by itself with aoti_compile_and_package."
            )
        metadata: dict[str, str] = {}
        for name in inside:
            if name.endswith("wrapper_metadata.json"):
                metadata = json.loads(archive.read(name))
        sources = [archive.read(name).decode() for name in inside if name.endswith("wrapper.cpp")]
    return metadata, sources[0] if sources else ""


def _leaves(path: Path, source: str, which: str) -> int:
    """How many tensors go in or come out, by the package's own call specification."""
    found = re.search(_SPEC.format(which=which), source)
    spec = json.loads(found["spec"] if found else _loaded_spec(path, which))[1]
    if which == "in":
        positional, named = spec["children_spec"]
        if _count(named) or any(child["type"] for child in positional["children_spec"]):
            raise SpecError(
                f"{path} takes named or nested arguments, which Triton does not batch. Compile a "
                "module whose `forward` takes tensors by position."
            )
    return _count(spec)


def _loaded_spec(path: Path, which: str) -> str:
    # Only here: reading a package with its source in it needs no torch.
    from exporters.formats.aoti import load_package

    spec: str = load_package(path).get_call_spec()[which == "out"]
    return spec


def _count(spec: dict[str, Any]) -> int:
    if spec["type"] is None:
        return 1
    return sum(_count(child) for child in spec["children_spec"])


def _inputs(source: str, count: int) -> tuple[tuple[Draft, ...], dict[str, tuple[int, int]]]:
    checks = {int(found[1]): found[0] for found in _CHECK.finditer(source)}
    internal = {int(place): name for place, name in _NAME.findall(source)}
    # The longest name first in the source is the input itself; later ones are views of it.
    sizes: dict[str, str] = {}
    for name, expressions in _SIZES.findall(source):
        sizes.setdefault(name, expressions)
    bounds: dict[str, tuple[int, int]] = {}
    drafts = []
    for place in range(count):
        name, check = f"INPUT__{place}", checks.get(place, "")
        dtype = _DTYPE.search(check)
        dims = _dims(name, check, sizes.get(internal.get(place, "")))
        drafts.append(Draft(name, dtype[1] if dtype else "", dims))
        bounds |= _bounds(check, dims)
    return tuple(drafts), bounds


def _dims(name: str, check: str, expressions: str | None) -> Dims | None:
    if expressions is None:
        return None
    sizes = [size.strip() for size in expressions.split(",") if size.strip()]
    exact = {int(place): int(size) for place, size in _EXACT.findall(check)}
    return tuple(exact.get(place, _length(name, place, size)) for place, size in enumerate(sizes))


def _length(name: str, place: int, size: str) -> int | str:
    plain = size.removesuffix("L")
    if plain.isdecimal():
        return int(plain)
    return size if size.isidentifier() else unnamed(name, place)


def _bounds(check: str, dims: Dims | None) -> dict[str, tuple[int, int]]:
    least = {int(place): int(size) for place, size in _LEAST.findall(check)}
    most = {int(place): int(size) for place, size in _MOST.findall(check)}
    return {
        size: (least.get(place, 1), most[place])
        for place, size in enumerate(dims or ())
        if isinstance(size, str) and most.get(place, _NO_BOUND) < _NO_BOUND
    }
