"""`model.toml` beside a checkpoint: the same declaration as in Python."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exporters.declaring.sample_files import AnswerFile, SampleFiles, read_labels
from exporters.errors import SpecError
from exporters.options import Profile, Range, TensorRTOptions
from exporters.spec import Axis, Checkpoint, ModelSpec, TensorSpec, Tolerance

Table = dict[str, Any]

_CHECKPOINT = ("module", "arguments", "weights")
_TABLES = ("inputs", "outputs", "tensorrt")
_MODEL = (*_CHECKPOINT, *(f for f in ModelSpec.model_fields if f not in ("build", *_TABLES)))
_INPUT = ("name", "dtype", "shape")
_OUTPUT = (*_INPUT, "labels", "labels_file", "tolerance")
_NEEDED = {
    "[model]": ("name", "module", "weights", "max_batch_size", "samples"),
    "[[inputs]]": _INPUT,
    "[[outputs]]": _INPUT,
}


def read_model_toml(path: Path) -> ModelSpec:
    """`read_model_toml(Path("digits/model.toml"))`; paths in it start at its own folder."""
    return _Reader(path).spec()


class _Reader:
    """One file, and the axes that have been declared in it so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path.parent
        self._axes: dict[str, Axis] = {}

    def spec(self) -> ModelSpec:
        whole = self._load()
        self._check_keys(whole, ("model", *_TABLES), "the file")
        model = self._table(whole, "model")
        self._check(model, _MODEL, "[model]")
        inputs = tuple(self._tensor(t, _INPUT, "[[inputs]]") for t in self._list(whole, "inputs"))
        outputs = tuple(
            self._tensor(t, _OUTPUT, "[[outputs]]") for t in self._list(whole, "outputs")
        )
        plain = {key: model[key] for key in model if key not in _CHECKPOINT}
        plain["samples"] = SampleFiles(self._beside(model["samples"], "samples"), inputs)
        if "answers" in model:
            plain["answers"] = self._answers(model["answers"])
        with _refusing(self._path, "[model]"):
            return ModelSpec(
                build=self._checkpoint(model),
                inputs=inputs,
                outputs=outputs,
                tensorrt=self._tensorrt(whole.get("tensorrt", {})),
                **plain,
            )

    def _load(self) -> Table:
        try:
            return tomllib.loads(self._path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise SpecError(f"{self._path} is not TOML: {error}. Correct that line.") from error
        except FileNotFoundError as error:
            raise SpecError(f"There is no file {self._path}.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(f"{self._path} cannot be read: {error}.") from error

    def _checkpoint(self, model: Table) -> Checkpoint:
        module = model["module"]
        if isinstance(module, str) and ".py:" in module:
            file, _, name = module.rpartition(":")
            module = f"{self._beside(file, 'module')}:{name}"
        weights = self._beside(model["weights"], "weights")
        return Checkpoint(module=module, arguments=model.get("arguments", {}), weights=weights)

    def _tensor(self, table: Table, known: tuple[str, ...], where: str) -> TensorSpec:
        name = table.get("name", "")
        where = f"{where} '{name}'" if name else where
        self._check(table, known, where)
        for key in ("shape", "labels"):
            if not isinstance(table.get(key, []), list):
                raise self._wrong(f"{where} has {key} = {table[key]!r}; write a list: [ ]")
        fields: Table = {"name": name, "dtype": table["dtype"]}
        with _refusing(self._path, where):
            fields["shape"] = tuple(self._size(size, where) for size in table["shape"])
            if "labels" in table or "labels_file" in table:
                fields["labels"] = self._labels(table, where)
            if "tolerance" in table:
                fields["tolerance"] = self._tolerance(table["tolerance"], where)
            return TensorSpec(**fields)

    def _size(self, size: Any, where: str) -> Any:
        """An axis; anything else as it stands, for TensorSpec to judge."""
        if not isinstance(size, dict):
            return size
        self._check_keys(size, ("axis", "min", "max"), f"the shape of {where}")
        name = size.get("axis", "")
        if size.keys() == {"axis"} and name in self._axes:
            return self._axes[name]
        if "max" not in size or not name:
            raise self._wrong(
                f"{where} has the dimension {size}. Write its name and bounds: "
                '{axis = "length", min = 1, max = 512}; after that, {axis = "length"} will do'
            )
        axis = Axis(name=name, **{key: size[key] for key in ("min", "max") if key in size})
        self._axes[name] = axis
        return axis

    def _labels(self, table: Table, where: str) -> tuple[str, ...]:
        if "labels" in table and "labels_file" in table:
            raise self._wrong(f"{where} has labels and labels_file; keep one of them")
        if "labels" in table:
            return tuple(table["labels"])
        return read_labels(self._beside(table["labels_file"], "labels_file"))

    def _tolerance(self, given: object, where: str) -> Tolerance:
        if isinstance(given, dict):
            self._check_keys(given, Tolerance._fields, f"tolerance of {where}")
            given = [given.get(key) for key in Tolerance._fields]
        if isinstance(given, list) and len(given) == 2 and all(_is_number(n) for n in given):
            return Tolerance(*map(float, given))
        raise self._wrong(
            f"{where} has the tolerance {given}; write {{absolute = 1e-4, relative = 1e-4}}"
        )

    def _answers(self, given: object) -> object:
        if isinstance(given, list):
            return tuple(given)
        return AnswerFile(self._beside(given, "answers"))

    def _tensorrt(self, table: Table) -> TensorRTOptions:
        self._check_keys(table, TensorRTOptions.model_fields, "[tensorrt]")
        for profile in table.get("profiles", []):
            self._check_keys(profile, Profile.model_fields, "[[tensorrt.profiles]]")
            axes = profile.get("axes", {})
            self._check_keys(axes, axes, "axes of [[tensorrt.profiles]]")
            for size in (profile.get("batch", {}), *axes.values()):
                self._check_keys(size, Range.model_fields, "[[tensorrt.profiles]]")
        with _refusing(self._path, "[tensorrt]"):
            return TensorRTOptions(**table)

    def _beside(self, given: object, key: str) -> Path:
        if not isinstance(given, str):
            raise self._wrong(f"{key} is {given!r}; write a path in quotes")
        return self._folder / given

    def _table(self, whole: Table, name: str) -> Table:
        found = whole.get(name)
        if isinstance(found, dict):
            return found
        raise self._wrong(f"it has no table [{name}]; a model is declared in one")

    def _list(self, whole: Table, name: str) -> list[Table]:
        found = whole.get(name, [])
        if isinstance(found, list) and all(isinstance(table, dict) for table in found):
            return found
        raise self._wrong(f"{name} is no list of tables; write [[{name}]] above each")

    def _check(self, table: Table, known: Iterable[str], where: str) -> None:
        self._check_keys(table, known, where)
        missing = [key for key in _NEEDED[where.split(" ")[0]] if key not in table]
        if missing:
            raise self._wrong(f"{where} has no {' and no '.join(missing)}")

    def _check_keys(self, table: object, known: Iterable[str], where: str) -> None:
        if not isinstance(table, dict):
            raise self._wrong(f"{where} has {table!r} where a table is needed")
        known = tuple(known)
        for key in table:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=2)
                hint = f"meant is perhaps {' or '.join(close)}" if close else ", ".join(known)
                raise self._wrong(f"{where} has the unknown key '{key}'; {hint}")

    def _wrong(self, what: str) -> SpecError:
        return SpecError(f"{self._path}: {what}.")


@contextmanager
def _refusing(path: Path, where: str) -> Iterator[None]:
    """What the declaration refuses becomes one sentence with the file and the table."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        raise SpecError(
            f"{path}: {where} has {first['loc'][0]} = {first['input']!r}: {first['msg']}."
        ) from error
    except SpecError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise SpecError(f"{path}: {where}: {error}") from error


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)
