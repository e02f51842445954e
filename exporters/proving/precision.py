"""How far an artefact may be from the float32 model, for each precision that it computes in."""

from exporters.tensors import TensorSpec, Tolerance

# Of floating-point outputs, unless the output declares its own. They follow from the bits that a
# precision keeps, times what some ten layers make of one rounding: tf32 and fp16 keep 10 bits
# (1e-3), bf16 keeps 7 (8e-3), int8 has 256 steps over the whole range of a tensor, fp8 keeps 3.
# For int8 and fp8 this catches a wrong graph only; whether the model still knows its classes is
# for the accuracy on its samples to say.
ACCEPTED = {
    "tf32": Tolerance(5e-3, 5e-3),
    "fp16": Tolerance(1e-2, 1e-2),
    "bf16": Tolerance(5e-2, 5e-2),
    "int8": Tolerance(2.5e-1, 1e-1),
    "fp8": Tolerance(2.5e-1, 2e-1),
}


def accepted(output: TensorSpec, precision: str) -> Tolerance:
    """The tolerance that the output declares, else the wider of its dtype's and the precision's.

    Whole numbers and booleans stay exact in every precision.
    """
    own = output.accepted
    wider = ACCEPTED.get(precision)
    if output.tolerance or wider is None or not output.dtype.startswith("float"):
        return own
    return Tolerance(max(own.absolute, wider.absolute), max(own.relative, wider.relative))
