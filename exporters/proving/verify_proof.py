"""Repeats the proof of a published version, later or on another machine."""

from pathlib import Path
from tempfile import TemporaryDirectory

from exporters.errors import ExportError, HostError, ProofError
from exporters.extras import extra
from exporters.manifest import Manifest, read_manifest
from exporters.publishing.verify import Finding
from exporters.targets import Target, find_target

_ZOO = "exporters.zoo:"


def verify_proof(repository: Path, name: str, version: int) -> Finding:
    """Runs the version's artefact against the model that its manifest names as the source.

    Where the model cannot be built or the artefact cannot be run here, the finding says so.
    """
    folder = repository / name / str(version)
    try:
        manifest = read_manifest(folder)
    except (OSError, ValueError):
        return _not_repeated("no manifest says what was proven")
    if not manifest.proof or not _names_a_declaration(manifest.source):
        return _not_repeated("the manifest names no declaration of the model")
    try:
        target = find_target(manifest.source.removeprefix(_ZOO))
    except ExportError as error:
        return _not_repeated(str(error))
    return _repeated(target, manifest, folder)


def _repeated(target: Target, manifest: Manifest, folder: Path) -> Finding:
    with extra("export"):
        from exporters.capturing.capture import capture
        from exporters.declaring.declare import complete
        from exporters.proving.prove import prove
        from exporters.proving.tolerances import with_tolerances

    try:
        spec = complete(target.spec)
        captured = capture(spec)
    except ExportError as error:
        return _not_repeated(str(error))
    if captured.weights_sha256 != manifest.weights_sha256:
        return Finding("proof", False, f"{manifest.source} has other weights than were exported")
    spec = with_tolerances(spec, manifest.precision, captured.answers)
    artefact = folder / manifest.artefact.path
    try:
        with TemporaryDirectory(prefix="conch-verify-") as scratch:
            proof = prove(spec, captured, artefact, manifest.format, Path(scratch))
    except HostError as error:
        return _not_repeated(str(error))
    except ProofError as error:
        return Finding("proof", False, str(error))
    worst = max(row.max_abs_error for row in proof.rows)
    detail = f"largest error {worst:.1e}, when published {manifest.worst_error:.1e}"
    return Finding("proof", True, detail)


def _names_a_declaration(source: str) -> bool:
    """`conch add` notes the file that was added, which declares nothing."""
    return source.endswith(".toml") or ":" in source


def _not_repeated(reason: str) -> Finding:
    return Finding("proof", True, f"not repeated: {reason}")
