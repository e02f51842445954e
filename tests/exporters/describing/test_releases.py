from types import SimpleNamespace
from typing import cast

import pytest

from exporters.describing.releases import check_release
from exporters.errors import SpecError
from exporters.formats import Format, load_format
from tests.exporters.models import Doubler, spec_of

AOTI = cast(Format, SimpleNamespace(PLATFORM="torch_aoti"))


@pytest.mark.parametrize(("batch", "release"), [(4, "26.05"), (0, "26.02")])
def test_a_server_that_is_too_old_for_a_package_is_refused(batch: int, release: str) -> None:
    with pytest.raises(SpecError, match=f"Triton {release} does not serve AOTInductor"):
        check_release(spec_of(Doubler, max_batch_size=batch), AOTI, release)


@pytest.mark.parametrize(("batch", "release"), [(4, "26.06"), (0, "26.03"), (4, "")])
def test_a_server_that_is_new_enough_passes(batch: int, release: str) -> None:
    check_release(spec_of(Doubler, max_batch_size=batch), AOTI, release)


def test_older_formats_run_on_any_release() -> None:
    check_release(spec_of(Doubler), load_format("torchscript"), "24.10")


def test_what_is_no_release_is_refused() -> None:
    with pytest.raises(SpecError, match=r"'2\.73\.0' is no release"):
        check_release(spec_of(Doubler), AOTI, "2.73.0")
