"""Samples and answers that lie in files beside a model; read only when a stage asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporters.errors import SpecError
from exporters.extras import extra
from exporters.tensors import TensorSpec

if TYPE_CHECKING:
    from exporters.arrays import Array
    from exporters.spec import Sample

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True)
class SampleFiles:
    """`samples=SampleFiles(Path("samples.npz"), inputs)`, or with a pattern: `digits/*.png`.

    One .npz holds an array for each input, its first dimension counting the samples; several .npz
    hold one sample each. A .npy is one sample of the only input, and so is a picture, in float32
    from 0 to 1 or in uint8.
    """

    files: Path
    inputs: tuple[TensorSpec, ...] = ()

    def __call__(self) -> Iterator[Sample]:
        paths = found_files(self.files)
        if len(paths) == 1 and paths[0].suffix == ".npz" and "*" not in self.files.name:
            yield from _rows(paths[0])
            return
        for path in paths:
            yield self._one(path)

    def _one(self, path: Path) -> Sample:
        if path.suffix == ".npz":
            return _arrays(path)
        if path.suffix == ".npy":
            return {self._only(path).name: _array(path)}
        if path.suffix.lower() in _PICTURES:
            tensor = self._only(path)
            return {tensor.name: _picture(path, tensor)}
        raise SpecError(
            f"{path} cannot be read as a sample; give .npz, .npy or pictures "
            f"({', '.join(_PICTURES)})."
        )

    def _only(self, path: Path) -> TensorSpec:
        if len(self.inputs) == 1:
            return self.inputs[0]
        declared = f"{len(self.inputs)} inputs are" if self.inputs else "no input is"
        raise SpecError(
            f"{path} holds one array without a name, and {declared} declared. Declare the one "
            "input that it is for, or give an .npz, whose arrays have names."
        )


@dataclass(frozen=True)
class AnswerFile:
    """The right class of each sample: a .npy of whole numbers, or a text with one in each line."""

    file: Path

    def __call__(self) -> Iterator[int]:
        if not self.file.is_file():
            raise SpecError(f"There are no answers in {self.file}: it is not a file.")
        if self.file.suffix == ".npy":
            yield from (int(answer) for answer in _array(self.file).ravel())
            return
        for number, line in enumerate(self.file.read_text(encoding="utf-8").split("\n"), start=1):
            if not line.strip():
                continue
            if not line.strip().isdecimal():
                raise SpecError(
                    f"{self.file}, line {number}, is '{line.strip()}'; write the class of one "
                    "sample in each line, as a number from 0 on."
                )
            yield int(line)


def read_labels(path: Path) -> tuple[str, ...]:
    """One label in each line."""
    try:
        return tuple(path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"The labels in {path} cannot be read: {error}. Write one label in each line."
        ) from error


def found_files(files: Path) -> Sequence[Path]:
    """The file, or those that fit a pattern like `digits/*.png`, by name."""
    if "*" not in str(files):
        if files.is_file():
            return [files]
        raise SpecError(f"There are no samples in {files}: it is not a file.")
    first = next(place for place, part in enumerate(files.parts) if "*" in part)
    found = sorted(Path(*files.parts[:first]).glob(str(Path(*files.parts[first:]))))
    if not found:
        raise SpecError(f"There are no samples in {files}: no file fits this pattern.")
    return found


def _rows(path: Path) -> Iterator[Sample]:
    arrays = _arrays(path)
    counts = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        shown = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise SpecError(
            f"The arrays of {path} hold different numbers of samples ({shown or 'no arrays'}). The "
            "first dimension of each counts the samples. For samples of different lengths write "
            "one .npz for each and name them by a pattern: samples/*.npz."
        )
    for number in range(next(iter(counts.values()))):
        yield {name: array[number] for name, array in arrays.items()}


def _arrays(path: Path) -> dict[str, Array]:
    loaded = _load(path)
    with loaded:
        try:
            return {name: loaded[name] for name in loaded.files}
        except ValueError as error:
            raise _unreadable(path, error) from error


def _array(path: Path) -> Array:
    array: Array = _load(path)
    return array


def _load(path: Path) -> Any:
    with extra("export"):
        import numpy as np

    try:
        loaded = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from error
    if isinstance(loaded, np.ndarray) == (path.suffix == ".npz"):
        raise _unreadable(path, "its name does not say what it holds")
    return loaded


def _unreadable(path: Path, why: object) -> SpecError:
    return SpecError(
        f"{path} cannot be read as arrays: {why}. Write numbers with numpy.savez({path.stem!r}, "
        "x=x), or numpy.save for a single array; Python objects are not loaded."
    )


def _picture(path: Path, tensor: TensorSpec) -> Array:
    """Grey or colour as the declared shape says; the size is not changed."""
    with extra("export"):
        import numpy as np
        from PIL import Image, UnidentifiedImageError

    mode = _mode(path, tensor)
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert(mode))
    except (OSError, UnidentifiedImageError) as error:
        raise SpecError(f"{path} cannot be read as a picture: {error}.") from error
    channels_first = mode == "RGB" and tensor.dims[0] == 3
    arranged = pixels.transpose(2, 0, 1) if channels_first else pixels
    wanted = tensor.dims
    if len(wanted) in (1, 3) and mode == "L" and arranged.size == prod(wanted):
        arranged = arranged.reshape(wanted)
    if len(arranged.shape) != len(wanted) or any(
        size not in (-1, found) for size, found in zip(wanted, arranged.shape, strict=True)
    ):
        raise SpecError(
            f"{path} is {pixels.shape[1]} x {pixels.shape[0]} pixels, which is no "
            f"{list(wanted)} for input '{tensor.name}'. Bring the pictures to that size first: "
            "how they are cut and scaled decides what the model sees."
        )
    # Divided in float32, like training code does it.
    return arranged if tensor.dtype == "uint8" else arranged.astype(np.float32) / np.float32(255)


def _mode(path: Path, tensor: TensorSpec) -> str:
    dims = tensor.dims
    if tensor.dtype in ("float32", "uint8"):
        if len(dims) == 3 and 3 in (dims[0], dims[2]):
            return "RGB"
        if len(dims) in (1, 2) or (len(dims) == 3 and 1 in (dims[0], dims[2])):
            return "L"
    raise SpecError(
        f"{path} is a picture, and input '{tensor.name}' is {tensor.dtype} {list(dims)}. Pictures "
        "fill float32 (from 0 to 1) or uint8 of [height, width], [1 or 3, height, width], "
        "[height, width, 1 or 3] or [pixels]; give other samples as .npz."
    )
