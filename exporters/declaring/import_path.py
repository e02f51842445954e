"""Finds what `my_pkg.models:spec` or `net.py:Net` names, and says which part of it is wrong."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from pydantic import ValidationError

from exporters.errors import ExportError, SpecError
from exporters.spec import ModelSpec

_CLOSE_NAMES = 3
_ROOT = Path(__file__).parents[1]
_CALLERS = {_ROOT, _ROOT / "capturing", _ROOT / "declaring"}


def load_spec(target: str) -> ModelSpec:
    """The spec that `target` names, or that the function it names returns.

    load_spec("my_pkg.models:spec")
    """
    found = load_object(target)
    if callable(found) and not isinstance(found, type):
        found = _call(target, found)
    if not isinstance(found, ModelSpec):
        raise SpecError(
            f"'{target}' is {_kind(found)}, where a ModelSpec is needed, or a function without "
            "arguments that returns one. Name the one that declares the model."
        )
    return found


def load_object(target: str) -> object:
    """What stands after the colon, in the module or `.py` file that stands before it.

    Modules are looked for in the working directory first, as `python -m` does.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise SpecError(
            f"'{target}' names nothing that can be imported. Write the module and the name in it, "
            "with a colon between: my_pkg.models:spec, or a file: models.py:spec."
        )
    module = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    found: object = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise SpecError(f"'{place}' has no '{name}'.{_close(part, vars(module))}")
        found = getattr(found, part)
    return found


def _import_module(name: str) -> ModuleType:
    _search_first(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise _failed(name, error) from error
        through = "" if name == missing else f" to import '{name}' from"
        raise SpecError(
            f"There is no module '{missing}'{through}. It is looked for in "
            f"{Path.cwd()} and among the installed packages: change into the folder that holds it, "
            "or install it."
        ) from error
    except Exception as error:  # whatever the author's code raises while it is imported
        raise _failed(name, error) from error


def _import_file(path: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise SpecError(
            f"There is no file {path}. Write its path, then a colon and the name in it."
        )
    _search_first(path.parent)  # so that it finds the files beside it, as a script does
    name = f"conch_file_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None and specification.loader is not None  # it ends in .py
    module = importlib.util.module_from_spec(specification)
    # dataclasses and pickles look their module up here.
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:  # whatever the author's code raises while it is imported
        del sys.modules[name]
        raise _failed(str(path), error) from error
    return module


def _search_first(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _call(target: str, function: object) -> object:
    assert callable(function)
    try:
        return function()
    except ExportError:
        raise
    except Exception as error:  # whatever the author's code raises
        raise SpecError(
            f"'{target}' fails when it is called without arguments: {raised(error)}"
        ) from error


def _failed(name: str, error: Exception) -> Exception:
    if isinstance(error, ExportError):
        return error
    return SpecError(f"'{name}' cannot be imported: {raised(error)} Correct it there.")


def raised(error: BaseException) -> str:
    """An exception of someone's code as one sentence with the file and line it comes from."""
    said = _said(error)
    sentence = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return f"{sentence.rstrip('.')}{_place(error)}."


def _said(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        # Its own first line says only how many there are.
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).strip().partition("\n")[0]


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f" ({error.filename}, line {error.lineno})"
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<")
    ]
    # The first frames are Conch's; what fails inside a package was called by the author.
    called = [frame for frame in own if Path(frame.filename).parent not in _CALLERS]
    frames = [frame for frame in called if not _installed(frame)] or called
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""


def _installed(frame: traceback.FrameSummary) -> bool:
    return "site-packages" in frame.filename or frame.filename.startswith(
        str(Path(importlib.__file__).parents[1])
    )


def _close(name: str, names: Iterable[str]) -> str:
    public = [known for known in names if not known.startswith("_")]
    close = difflib.get_close_matches(name, public, n=_CLOSE_NAMES, cutoff=0.5)
    if close:
        return f" Close to it: {', '.join(close)}."
    return f" It has {', '.join(sorted(public)[:8])}." if public else " It defines no names."


def _kind(found: object) -> str:
    return f"the class {found.__name__}" if isinstance(found, type) else type(found).__name__
