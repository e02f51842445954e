"""The requests that a model is tuned with: samples from a file, or seeded random ones."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporters.extras import extra
from loadtest.errors import OptionError
from loadtest.infer_body import InferBody
from stack.errors import TuningError

_COUNT = 8
_DTYPES = {"f": "FP", "i": "INT", "u": "UINT"}


@dataclass(frozen=True)
class Bodies:
    """Makes requests for one model, of any batch size."""

    metadata: Mapping[str, Any]
    samples: Path | None = None

    def of(self, batch: int) -> list[InferBody]:
        """A few requests that differ, answered in binary; 0 is for a model without batches."""
        if self.samples is None:
            with extra("loadtest"):
                from loadtest.bodies import infer_body
            try:
                random = [
                    infer_body(dict(self.metadata), batch=max(batch, 1), seed=n)
                    for n in range(_COUNT)
                ]
            except OptionError as error:
                raise TuningError(f"{error} Give real ones by --samples FILE.npz.") from error
            return [_answered_in_binary(body) for body in random]
        arrays = _read(self.samples, [declared["name"] for declared in self.metadata["inputs"]])
        count = min(_COUNT, *map(len, arrays.values()))
        return [
            _body({name: _rows(array, n, batch) for name, array in arrays.items()})
            for n in range(count)
        ]


def _rows(array: Any, first: int, batch: int) -> Any:
    """Samples from the n-th on, and from the start again where there are too few.

    The batch 0 is one sample without a batch dimension.
    """
    if batch == 0:
        return array[first]
    return array.take(range(first, first + batch), axis=0, mode="wrap")


def _read(path: Path, names: list[str]) -> dict[str, Any]:
    with extra("embedded"):
        import numpy

    try:
        # Of a torn file numpy leaves open what it has opened itself.
        with path.open("rb") as opened, numpy.load(opened, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise TuningError(f"{path} cannot be read as an .npz file: {error}.") from error
    missing = [name for name in names if name not in arrays]
    if missing:
        raise TuningError(
            f"{path} holds {', '.join(arrays) or 'nothing'}, and the model takes "
            f"{', '.join(names)}; {', '.join(missing)} is missing."
        )
    empty = [name for name in names if arrays[name].shape[:1] in ((), (0,))]
    if empty:
        raise TuningError(f"{path} holds no sample of {', '.join(empty)}.")
    return {name: arrays[name] for name in names}


def _body(arrays: Mapping[str, Any]) -> InferBody:
    tensors = {name: array.tobytes() for name, array in arrays.items()}
    head = {
        "inputs": [
            {
                "name": name,
                "shape": list(array.shape),
                "datatype": _datatype(name, array),
                "parameters": {"binary_data_size": len(tensors[name])},
            }
            for name, array in arrays.items()
        ]
    }
    header = json.dumps(head).encode()
    return _answered_in_binary(InferBody(header + b"".join(tensors.values()), len(header)))


def _datatype(name: str, array: Any) -> str:
    if array.dtype.kind == "b":
        return "BOOL"
    if array.dtype.kind not in _DTYPES:
        raise TuningError(f"The samples of '{name}' are {array.dtype}; numbers are sent only.")
    return f"{_DTYPES[array.dtype.kind]}{array.dtype.itemsize * 8}"


def _answered_in_binary(body: InferBody) -> InferBody:
    """To write floats as text would take longer than many a model."""
    head = json.loads(body.content[: body.header_bytes])
    head["parameters"] = {"binary_data_output": True}
    header = json.dumps(head).encode()
    return InferBody(header + body.content[body.header_bytes :], len(header))
