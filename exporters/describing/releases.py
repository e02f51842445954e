"""Which release of Triton's container a configuration needs."""

import re

from exporters.errors import SpecError
from exporters.formats import Format
from exporters.spec import ModelSpec

_RELEASE = re.compile(r"(?P<year>\d\d)\.(?P<month>\d\d)")
# Server release notes 2.67 and pytorch_backend pull requests 196 and 198.
AOTI_RELEASE = (26, 3)
AOTI_BATCHING_RELEASE = (26, 6)


def check_release(spec: ModelSpec, format: Format, release: str) -> None:
    """Raises a `SpecError` where a server of `release`, like `26.05`, cannot serve the model.

    An empty release stands for the newest.
    """
    if not release:
        return
    given = _parse(release)
    if format.PLATFORM != "torch_aoti":
        return
    needed = AOTI_BATCHING_RELEASE if spec.batches else AOTI_RELEASE
    if given < needed:
        batching = " with batching" if spec.batches else ""
        raise SpecError(
            f"Triton {release} does not serve AOTInductor packages{batching}; the first that does "
            f"is {needed[0]}.{needed[1]:02}. Choose another format, or a newer server."
        )


def _parse(release: str) -> tuple[int, int]:
    found = _RELEASE.fullmatch(release)
    if not found:
        raise SpecError(
            f"'{release}' is no release of Triton's container; write year and month, like 26.09."
        )
    return int(found["year"]), int(found["month"])
