"""The models that the real Triton of these tests serves: small, and one for each way to answer."""

import shutil
from pathlib import Path

_SOURCES = Path(__file__).parent / "models"
# Model -> the code that answers for it; an ensemble has none.
_CODE: dict[str, str | None] = {
    "echo": "identity",
    "typed": "identity",
    "words": "identity",
    "digits": "identity",
    "pair": "sum_and_difference",
    "story": "story",
    "slow": "slow",
    "broken": "broken",
    "counter": "counter",
    "chain": None,
    "told": "told",
}
_VERSIONS = {"pair": (1, 2)}
_LABELS = ("zero", "one", "two", "three", "four")
MODELS = tuple(_CODE)


def write_models(repository: Path) -> None:
    """Write the repository of these models."""
    for name, code in _CODE.items():
        folder = repository / name
        for version in _VERSIONS.get(name, (1,)):
            (folder / str(version)).mkdir(parents=True)
            if code is not None:
                shutil.copy(_SOURCES / f"{code}.py", folder / str(version) / "model.py")
        shutil.copy(_SOURCES / f"{name}.pbtxt", folder / "config.pbtxt")
    (repository / "digits" / "labels.txt").write_text("\n".join(_LABELS))
