"""`manifest.json`: what a published version says about itself. Reading one needs no torch."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from exporters.tensors import TensorSpec

FILENAME = "manifest.json"
# Absolute errors by powers of ten; what is below the first counts as equal.
HISTOGRAM_EDGES = (0.0, *(10.0**power for power in range(-10, 2)), float("inf"))


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class TensorRecord(_Record):
    name: str
    dtype: str
    shape: tuple[int, ...]


def record_tensor(tensor: TensorSpec) -> TensorRecord:
    return TensorRecord(name=tensor.name, dtype=tensor.dtype, shape=tensor.dims)


class ProofRow(_Record):
    """One output of one run of the saved artefact, against the eager model in float32."""

    output: str
    batch: int
    lengths: dict[str, int] = Field(default_factory=dict)
    """Of the dynamic axes, by name."""

    data: str
    """`real`, or `random` with its seed."""

    max_abs_error: float
    max_rel_error: float
    mismatch_share: float = 0.0
    """Share of the values that are out of tolerance."""

    absolute_tolerance: float
    relative_tolerance: float


class FileRecord(_Record):
    """One file of a version, by its path in the version's folder."""

    path: str
    size_bytes: int
    sha256: str


class Tried(_Record):
    """One format that an export has tried, and what became of it."""

    format: str
    precision: str
    size_bytes: int = 0
    worst_error: float | None = None
    latency_us: dict[str, float] = Field(default_factory=dict)
    verdict: str


class Manifest(_Record):
    """Provenance and proof of one version."""

    model: str
    format: str
    flavor: str = ""
    """Which TensorRT built an engine; empty for other formats."""

    precision: str
    """As built, not as asked for."""

    files: tuple[FileRecord, ...]
    """The artefact first, then the files that it refers to."""

    weights_sha256: str = ""
    """Of the module's state; empty for an artefact that was not compiled here."""

    inputs: tuple[TensorRecord, ...]
    outputs: tuple[TensorRecord, ...]
    max_batch_size: int
    spec: dict[str, Any] = Field(default_factory=dict)
    """The declaration, without its callables and samples."""

    source: str = ""
    """What was exported: `my_pkg.models:spec`, a model.toml, or the file that was added."""

    git_commit: str = ""
    host: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str]
    proof: tuple[ProofRow, ...]
    unproven: str = ""
    """Why the artefact could not be run where it was compiled; empty where it was."""

    latency_us: dict[str, float] = Field(default_factory=dict)
    """Median time of a run on the host that compiled it, by batch size."""

    error_histogram: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    """By output: how many values of the proof fell between two of HISTOGRAM_EDGES."""

    tried: tuple[Tried, ...] = ()
    """Every format that was compared before this one was published."""

    details: dict[str, Any] = Field(default_factory=dict)
    """What the format's compiler had to say."""

    varies: str = ""
    """Why a second export of the same model may differ in its bytes; empty where it must not."""

    notes: tuple[str, ...] = ()
    stage_seconds: dict[str, float]
    created: datetime

    @property
    def artefact(self) -> FileRecord:
        return self.files[0]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def cost_in_accuracy(self) -> str:
        """What a lower precision does to the answers, as far as it was measured."""
        accuracy, agreement = self.details.get("accuracy"), self.details.get("agreement")
        if accuracy:
            lower = accuracy[self.precision]
            return f"accuracy {accuracy['fp32']:.1%} in fp32, {lower:.1%} in {self.precision}"
        if agreement is not None:
            return f"the same class as fp32 for {agreement:.1%} of the samples"
        return ""

    @property
    def worst_error(self) -> float | None:
        """Largest absolute error of any output; None for an artefact without proof."""
        return max((row.max_abs_error for row in self.proof), default=None)


def write_manifest(version_directory: Path, manifest: Manifest) -> None:
    text = manifest.model_dump_json(indent=2) + "\n"
    (version_directory / FILENAME).write_text(text, encoding="utf-8")


def read_manifest(version_directory: Path) -> Manifest:
    """`read_manifest(Path("model_repository/mnist_mlp/1")).artefact.sha256`"""
    text = (version_directory / FILENAME).read_text(encoding="utf-8")
    return Manifest.model_validate_json(text)


def record_files(version_directory: Path, artefact: str) -> tuple[FileRecord, ...]:
    """Hash and size of everything in a version's folder but the manifest, the artefact first."""
    paths = [path for path in version_directory.rglob("*") if path.is_file()]
    records = [
        FileRecord(
            path=str(path.relative_to(version_directory)),
            size_bytes=path.stat().st_size,
            sha256=sha256_of(path),
        )
        for path in paths
        if path.name != FILENAME
    ]
    return tuple(sorted(records, key=lambda record: (record.path != artefact, record.path)))


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
