from exporters.proving.precision import accepted
from exporters.tensors import TensorSpec, Tolerance


def test_a_lower_precision_may_be_further_off() -> None:
    limits = [
        accepted(output("float32"), name) for name in ("fp32", "tf32", "fp16", "bf16", "int8")
    ]
    assert limits == sorted(limits)
    assert len(set(limits)) == len(limits)


def test_an_outputs_own_tolerance_holds_in_every_precision() -> None:
    own = Tolerance(1e-3, 0.0)
    assert accepted(output("float32").model_copy(update={"tolerance": own}), "int8") == own


def test_whole_numbers_stay_exact() -> None:
    assert accepted(output("int64"), "int8") == Tolerance(0.0, 0.0)


def output(dtype: str) -> TensorSpec:
    return TensorSpec(name="y", dtype=dtype, shape=(3,))
