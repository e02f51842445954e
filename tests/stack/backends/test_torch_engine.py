from collections.abc import Iterator

import pytest
import torch

from stack.backends.torch_engine import keep_float32_exact


@pytest.fixture(autouse=True)
def rounding() -> Iterator[None]:
    """Allowed before the test, and afterwards as it was."""
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = convolutions.allow_tf32, products.allow_tf32
    convolutions.allow_tf32 = products.allow_tf32 = True
    yield
    convolutions.allow_tf32, products.allow_tf32 = before


def test_float32_stays_float32_on_a_gpu() -> None:
    keep_float32_exact()
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
