from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from exporters.declaring.given_samples import given_samples
from exporters.errors import SpecError
from tests.exporters.models import WIDTH, Doubler, spec_of


def given(samples: Callable[[], Any]) -> Any:
    return given_samples(spec_of(Doubler, samples=samples))


def test_a_tensor_that_trains_is_taken_as_its_values() -> None:
    (sample,) = given(lambda: [{"x": torch.ones(WIDTH, requires_grad=True)}])
    assert np.array_equal(sample["x"], np.ones(WIDTH))


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (lambda: [{"x": torch.ones(WIDTH, dtype=torch.bfloat16)}], r"'x' as torch\.bfloat16"),
        (lambda: [{"x": [1, [2]]}], r"'x' as \[1, \[2\]\], which makes no array"),
        (lambda: [np.ones(WIDTH)], "is a ndarray; write a mapping"),
        (lambda: 1 // 0, r"`samples` of 'small' fails: ZeroDivisionError: .+ \(.+, line \d+\)"),
    ],
    ids=["dtype", "ragged", "no mapping", "raises"],
)
def test_what_makes_no_sample_is_refused(samples: Callable[[], Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        given(samples)
