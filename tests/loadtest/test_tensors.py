"""Values of each type, and their bytes as Triton's own client writes them."""

import struct

import numpy as np
import pytest
from tritonclient.utils import serialize_byte_tensor, triton_to_np_dtype

from loadtest.tensors import DATATYPES, random_values, wire_bytes


@pytest.mark.parametrize("datatype", [d for d in DATATYPES if d not in ("BYTES", "BF16")])
def test_numbers_are_as_tritons_own_client_writes_them(datatype: str) -> None:
    values = random_values(datatype, (3, 4), np.random.default_rng(0))
    assert values.dtype == triton_to_np_dtype(datatype)
    assert wire_bytes(datatype, values) == values.tobytes()


def test_texts_are_as_tritons_own_client_writes_them() -> None:
    values = random_values("BYTES", (2, 3), np.random.default_rng(0))
    assert wire_bytes("BYTES", values) == serialize_byte_tensor(values).item()


def test_bf16_is_the_upper_half_of_fp32_where_nothing_is_rounded() -> None:
    values = np.array([0.0, 1.0, -2.5, 0.15625, np.inf], "<f4")
    upper = values.view("<u2")[1::2]
    assert wire_bytes("BF16", values) == upper.tobytes()


def test_bf16_is_rounded_to_the_nearest() -> None:
    (bits,) = struct.unpack("<H", wire_bytes("BF16", np.array([0.1], np.float32)))
    assert bits == 0x3DCD  # 0.1 is 0x3DCCCCCD


def test_the_values_are_not_all_the_same() -> None:
    for datatype in DATATYPES:
        values = random_values(datatype, (64,), np.random.default_rng(1))
        assert len(set(values.tolist())) > 1, datatype
