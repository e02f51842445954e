"""Values from a file, in place of random ones: .npz, .npy or .png."""

import zipfile
from pathlib import Path

import numpy as np

from loadtest.errors import OptionError
from loadtest.served_model import ServedInput, ServedModel
from loadtest.tensors import Values

_WHOLE_PIXELS = ("UINT8", "INT16", "INT32", "INT64", "UINT16", "UINT32", "UINT64")


class Samples:
    """Rows of values for the inputs of models; requests take them in turn, again and again."""

    def __init__(self, path: Path, arrays: dict[str, Values], *, pixels: bool = False) -> None:
        self._path = path
        self._arrays = arrays  # by input; under "" what fits the only input of any model
        self._pixels = pixels

    def values(self, model: ServedModel, given: ServedInput, batch: int, turn: int) -> Values:
        """The `turn`-th batch of one input. Raises OptionError when the file has nothing fit."""
        array = self._of(model, given)
        if self._pixels:
            array = self._image(array, given)
        if not model.batches:
            return self._fit(array, given, given.shape)
        rows = self._rows(array, given)
        chosen = [(turn * batch + number) % len(rows) for number in range(batch)]
        return self._fit(rows[chosen], given, (batch, *given.shape[1:]))

    def _of(self, model: ServedModel, given: ServedInput) -> Values:
        if given.name in self._arrays:
            return self._arrays[given.name]
        if "" in self._arrays and len(model.inputs) == 1:
            return self._arrays[""]
        names = ", ".join(filter(None, self._arrays)) or "one array without a name"
        raise OptionError(
            f"{self._path} holds {names}, and model {model.name} needs the input {given.name}. "
            "Write an .npz file with an array for each input, under the name of the input."
        )

    def _rows(self, array: Values, given: ServedInput) -> Values:
        """A file may hold many samples, or one without the batch dimension."""
        if array.ndim == len(given.shape) - 1:
            return array[np.newaxis]
        if array.ndim != len(given.shape) or not len(array):
            self._refuse(array, given)
        return array

    def _fit(self, array: Values, given: ServedInput, shape: tuple[int, ...]) -> Values:
        same = array.ndim == len(shape) and all(
            wanted in (-1, size) for wanted, size in zip(shape, array.shape, strict=True)
        )
        if not same:
            self._refuse(array, given)
        return array

    def _refuse(self, array: Values, given: ServedInput) -> None:
        raise OptionError(
            f"{self._path} has values of shape {list(array.shape)}, and input {given.name} takes "
            f"{list(given.shape)} (the first size is the batch; -1 is any)."
        )

    def _image(self, pixels: Values, given: ServedInput) -> Values:
        """As channels x height x width, or height x width x channels where the input is so."""
        channels_last = bool(given.shape) and given.shape[-1] in (1, 3)
        image = pixels if channels_last else pixels.transpose(2, 0, 1)
        if given.datatype in _WHOLE_PIXELS:
            return image
        return (image / 255.0).astype(np.float32)


def read_samples(path: Path) -> Samples:
    """Open a file of samples. Raises OptionError when it cannot be one."""
    readers = {".npz": _read_npz, ".npy": _read_npy, ".png": _read_png}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise OptionError(f"{path} is no file of samples; known are {', '.join(readers)}.")
    try:
        return reader(path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise OptionError(f"{path} cannot be read: {error}.") from None


def _read_npz(path: Path) -> Samples:
    # Pickled objects would be run. Of a torn file numpy leaves open what it has opened itself.
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return Samples(path, {name: file[name] for name in file.files})


def _read_npy(path: Path) -> Samples:
    return Samples(path, {"": np.load(path, allow_pickle=False)})


def _read_png(path: Path) -> Samples:
    try:
        from PIL import Image
    except ImportError:
        raise OptionError(
            f"{path}: reading pictures needs Pillow. Install it: pip install 'conch[loadtest]'."
        ) from None
    with Image.open(path) as image:
        plain = image if image.mode == "L" else image.convert("RGB")
        pixels = np.asarray(plain)
    return Samples(path, {"": pixels.reshape(*pixels.shape[:2], -1)}, pixels=True)
