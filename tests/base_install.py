"""What the base install brings: its own requirements, theirs, and nothing of the extras."""

import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def modules_of_extras() -> set[str]:
    """Top-level modules that are installed here, and that the base install would not bring."""
    base = _closure(tomllib.loads(_PYPROJECT.read_text())["project"]["dependencies"]) | {"conch"}
    return {
        module
        for module, packages in packages_distributions().items()
        if base.isdisjoint(map(canonicalize_name, packages))
    }


def _closure(lines: Iterable[str]) -> set[str]:
    """The packages that these requirements bring, and what those bring in turn."""
    found: set[tuple[str, frozenset[str]]] = set()
    left = [Requirement(line) for line in lines]
    while left:
        requirement = left.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) not in found:
            found.add((name, extras))
            left += _required(name, extras)
    return {name for name, _ in found}


def _required(name: str, extras: frozenset[str]) -> list[Requirement]:
    try:
        requirements = [Requirement(line) for line in requires(name) or ()]
    except PackageNotFoundError:
        return []
    return [wanted for wanted in requirements if _applies(wanted, extras)]


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""})
