"""`manifest.json`: what a published version says about itself. Reading one needs no torch."""

import hashlib
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FILENAME = "manifest.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class TensorRecord(_Record):
    name: str
    dtype: str
    shape: tuple[int, ...]


class ProofRow(_Record):
    """One output of one run of the saved artefact, against the eager model in float32."""

    output: str
    batch: int
    data: str
    max_abs_error: float
    max_rel_error: float
    absolute_tolerance: float
    relative_tolerance: float


class Manifest(_Record):
    """Provenance and proof of one version."""

    model: str
    format: str
    file: str
    size_bytes: int
    artefact_sha256: str
    weights_sha256: str
    precision: str
    inputs: tuple[TensorRecord, ...]
    outputs: tuple[TensorRecord, ...]
    max_batch_size: int
    versions: dict[str, str]
    proof: tuple[ProofRow, ...]
    stage_seconds: dict[str, float]
    created: datetime


def write_manifest(version_directory: Path, manifest: Manifest) -> None:
    text = manifest.model_dump_json(indent=2) + "\n"
    (version_directory / FILENAME).write_text(text, encoding="utf-8")


def read_manifest(version_directory: Path) -> Manifest:
    """`read_manifest(Path("model_repository/mnist_mlp/1")).artefact_sha256`"""
    text = (version_directory / FILENAME).read_text(encoding="utf-8")
    return Manifest.model_validate_json(text)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
