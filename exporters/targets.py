"""What can be exported by name: a model of the zoo, an import path, or a model.toml."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from exporters.errors import SpecError
from exporters.extras import extra
from exporters.spec import ModelSpec
from exporters.zoo import ZOO

# The fastest on a CPU that every server runs.
DEFAULT_FORMAT = "onnx"


@dataclass(frozen=True)
class Target:
    """A declared model, the format it asks for, and where it is declared."""

    spec: ModelSpec
    format: str
    source: str


def find_target(text: str) -> Target:
    """`find_target("my_pkg.models:spec")`, `find_target("nets/model.toml")`, `mnist_mlp`."""
    if text in ZOO:
        entry = ZOO[text]
        return Target(entry.spec(), entry.format, f"exporters.zoo:{text}")
    if text.endswith(".toml"):
        with extra("export"):
            from exporters.declaring.model_toml import read_model_toml
        return Target(read_model_toml(Path(text)), DEFAULT_FORMAT, text)
    if ":" in text:
        from exporters.declaring.import_path import load_spec

        return Target(load_spec(text), DEFAULT_FORMAT, text)
    raise SpecError(_unknown(text))


def _unknown(text: str) -> str:
    close = get_close_matches(text, ZOO, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return (
        f"'{text}' is no example model, and there are {', '.join(ZOO)}. {hint}A model of your own "
        "is named by its import path, my_pkg.models:spec, or by its model.toml; `conch add` takes "
        "a finished file."
    )
