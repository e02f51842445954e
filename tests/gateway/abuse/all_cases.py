"""Every case of the suite."""

from tests.gateway.abuse import (
    body_cases,
    chunk_cases,
    coding_cases,
    expect_cases,
    field_cases,
    length_cases,
    limit_cases,
    line_cases,
    pipelining_cases,
    target_cases,
)
from tests.gateway.abuse.case import Case

_MODULES = (
    body_cases,
    chunk_cases,
    coding_cases,
    expect_cases,
    field_cases,
    length_cases,
    limit_cases,
    line_cases,
    pipelining_cases,
    target_cases,
)
CASES: list[Case] = [case for module in _MODULES for case in module.CASES]
