"""What pydantic found wrong, in sentences."""

from typing import Annotated, Any

import pytest
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from gateway.limits import Metric
from gateway.value_faults import sentence


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (int, "abc", "'abc' is not a whole number; write one as 8"),
        (Annotated[int, Field(strict=True)], True, "True is not a whole number; write one as 8"),
        (Annotated[int, Field(ge=1)], 0, "0 is below 1, the least that it can be"),
        (Annotated[int, Field(le=9)], 10, "10 is over 9, the most that it can be"),
        (float, "x", "'x' is not a number; write one as 0.5"),
        (Annotated[str, Field(max_length=1)], "ab", "'ab' is longer than 1 characters, the most"),
        (Annotated[str, Field(min_length=1)], "", "'' is shorter than 1 characters, the least"),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "it has 2 of at most 1 values"),
        (Metric, "x", "'x' is not one of 'requests', 'samples', 'bytes' or 'compute_ms'"),
        (AwareDatetime, "2030-01-01T00:00", "'2030-01-01T00:00' has no timezone; add one"),
        (AwareDatetime, "soon", "'soon' is not a time; write one as 2027"),
        (dict[str, int], "{}", "Input should be a valid dictionary, not '{}'"),
    ],
)
def test_a_fault_names_value_and_limit(kind: Any, value: object, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    (fault,) = refused.value.errors()
    assert sentence(fault).startswith(said)
