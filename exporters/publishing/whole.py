"""Whether a model is all there: one that is still being copied must not be loaded."""

from pathlib import Path

from exporters.manifest import FILENAME, read_manifest
from exporters.publishing.policy import CONFIGS, parse
from exporters.publishing.versions import model_config, served_versions
from exporters.repository import config_source

# What Triton looks for in a version's folder where the configuration names no file.
_DEFAULT_FILES = {
    "onnxruntime": ("model.onnx",),
    "pytorch": ("model.pt", "model.pt2"),
    "python": ("model.py",),
    "tensorrt": ("model.plan",),
}


def missing_in_model(repository: Path, name: str) -> str | None:
    """What is still missing of what the model's configuration serves; None if nothing is."""
    folder = repository / name
    for path in CONFIGS:
        if (folder / path).is_file() and (problem := _config_problem(folder / path)):
            return problem
    served = served_versions(repository, name)
    if not served:
        return "its configuration serves no version that is there"
    missing = (missing_in_version(repository, name, version) for version in served)
    return next(filter(None, missing), None)


def missing_in_version(repository: Path, name: str, version: int) -> str | None:
    """What is still missing of one version; None if nothing is.

    >>> missing_in_version(Path("model_repository"), "mnist_mlp", 1)
    'version 1 has no model.pt yet'
    """
    folder = repository / name / str(version)
    if (folder / FILENAME).is_file():
        return _missing_of_manifest(folder)
    config = model_config(config_source(repository, name, version))
    if config is None or (problem := _config_problem(config)):
        return problem if config else "it has no configuration"
    wanted = _artefact_names(config)
    if not wanted or any((folder / file).exists() for file in wanted):
        return None
    return f"version {version} has no {' or '.join(wanted)} yet"


def _missing_of_manifest(folder: Path) -> str | None:
    try:
        files = read_manifest(folder).files
    except ValueError:
        return f"version {folder.name} has a manifest.json that cannot be read"
    for record in files:
        path = folder / record.path
        size_bytes = path.stat().st_size if path.is_file() else 0
        if size_bytes != record.size_bytes:
            return (
                f"version {folder.name} has {size_bytes:,} of the {record.size_bytes:,} bytes of "
                f"{record.path}"
            )
    return None


def _artefact_names(config: Path) -> tuple[str, ...]:
    """One of these is the artefact; none for a model that needs no file, or one unknown here."""
    parsed = parse(config.read_text(encoding="utf-8"))
    if parsed.default_model_filename:
        return (parsed.default_model_filename,)
    return _DEFAULT_FILES.get(parsed.backend, ())


def _config_problem(path: Path) -> str | None:
    try:
        parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return f"{path.name} does not parse: {' '.join(str(error).split())}"
    return None
