"""JSON that can be read in one way only."""

import pytest

from gateway.strict_json import parse_strict


def test_json_is_read() -> None:
    assert parse_strict('{"a": [1, 2.5, null, {"a": true}]}') == {"a": [1, 2.5, None, {"a": True}]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 1}', "'a' is given twice"),
        ('[{"b": {"a": 1, "\\u0061": 2}}]', "'a' is given twice"),
        ("NaN", "NaN is no JSON number"),
        ("[-Infinity]", "-Infinity is no JSON number"),
        ("[" * 100_000, "nested too deeply"),
        ("{} {}", "Extra data"),
        ("\ufeff{}", "BOM"),
        ("9" * 5000, "digits"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_strict(text)
