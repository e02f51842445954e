"""Lets Inductor compile convolutions for every batch, where torch would split their range."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor


@contextmanager
def any_batch() -> Iterator[None]:
    """Torch asks whether the batch is at least 16 to foresee how a result lies in memory.

    The example's batch answers no, and the package would then refuse a batch of 16. The answer
    stands here without becoming a condition: results are right either way, and are proved so.
    """
    select = torch._C._select_conv_backend

    def unconditionally(input: Any, *rest: Any, **options: Any) -> Any:
        sizes = input.fake_mode.shape_env if isinstance(input, FakeTensor) else None
        with sizes.suppress_guards() if sizes else nullcontext():
            return select(input, *rest, **options)

    torch._C._select_conv_backend = unconditionally
    try:
        yield
    finally:
        torch._C._select_conv_backend = select
