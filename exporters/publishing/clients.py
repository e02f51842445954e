"""Whether the clients of the version that is served can call the next one as they do now."""

from collections.abc import Iterator
from pathlib import Path

from exporters.errors import PublishError
from exporters.manifest import FILENAME, Manifest, TensorRecord, read_manifest
from exporters.publishing.versions import served_versions


def check_clients(manifest: Manifest, repository: Path) -> None:
    """Raises a `PublishError` that lists what would break for clients of the served version.

    More outputs and wider dimensions break nothing.
    """
    served = _served(repository, manifest.model)
    if served is None:
        return
    changes = list(_changes(served, manifest))
    if changes:
        raise PublishError(
            f"Clients of '{manifest.model}' could not call the new version: {'; '.join(changes)}. "
            "Nothing was published. Give the model another name, or publish it for clients that "
            "are changed with it by --change-interface."
        )


def _served(repository: Path, name: str) -> Manifest | None:
    """None also for a version that was copied in without a manifest."""
    for version in reversed(served_versions(repository, name)):
        folder = repository / name / str(version)
        if (folder / FILENAME).is_file():
            return read_manifest(folder)
    return None


def _changes(served: Manifest, new: Manifest) -> Iterator[str]:
    if bool(served.max_batch_size) != bool(new.max_batch_size):
        yield f"its largest batch goes from {served.max_batch_size} to {new.max_batch_size}"
    elif new.max_batch_size < served.max_batch_size:
        yield f"its largest batch shrinks from {served.max_batch_size} to {new.max_batch_size}"
    before = {tensor.name: tensor for tensor in served.inputs}
    for tensor in new.inputs:
        if tensor.name not in before:
            yield f"input '{tensor.name}' is new"
    for kind, old, now in (
        ("input", served.inputs, new.inputs),
        ("output", served.outputs, new.outputs),
    ):
        yield from _changed_tensors(kind, old, {tensor.name: tensor for tensor in now})


def _changed_tensors(
    kind: str, served: tuple[TensorRecord, ...], new: dict[str, TensorRecord]
) -> Iterator[str]:
    for old in served:
        now = new.get(old.name)
        if now is None:
            yield f"{kind} '{old.name}' is gone"
        elif now.dtype != old.dtype:
            yield f"{kind} '{old.name}' goes from {old.dtype} to {now.dtype}"
        elif not _fits(old.shape, now.shape):
            yield f"{kind} '{old.name}' goes from {list(old.shape)} to {list(now.shape)}"


def _fits(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    return len(old) == len(new) and all(
        size in (before, -1) for before, size in zip(old, new, strict=True)
    )
