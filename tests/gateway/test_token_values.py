"""What a claim, or a setting in its stead, may hold."""

import pytest

from gateway.errors import InvalidInput
from gateway.permissions import Permission
from gateway.rates import Rate
from gateway.token_values import (
    limit_from,
    models_from,
    permissions_from,
    tenant_from,
    words_from,
)


@pytest.mark.parametrize("value", ["a  b", ["a", "b"], ["a", "", "b"]])
def test_words_come_in_a_text_or_a_list(value: object) -> None:
    assert words_from(value) == ("a", "b")


@pytest.mark.parametrize("value", [None, 1, {"a": 1}, ["a", 1], [["a"]]])
def test_other_values_are_no_words(value: object) -> None:
    with pytest.raises(InvalidInput, match="words"):
        words_from(value)


def test_permissions_are_told_by_their_prefix() -> None:
    assert permissions_from("infer stats x:trace trace", "") == {"infer", "stats", "trace"}
    assert permissions_from("infer stats x:trace", "x:") == {Permission.TRACE}


def test_models_are_patterns() -> None:
    assert models_from("mnist_* resnet") == ("mnist_*", "resnet")
    with pytest.raises(InvalidInput, match="0 model patterns"):
        models_from("")


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        ("100/s", Rate(100, 1, 100)),
        ({"rate": "6/m"}, Rate(6, 60, 6)),
        ({"rate": "6/m", "burst": 9}, Rate(6, 60, 9)),
    ],
)
def test_a_limit_is_a_rate_with_or_without_a_burst(value: object, limit: Rate) -> None:
    assert limit_from(value) == limit


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("fast", "rate 'fast' is not NUMBER/s"),
        (100, "limit 100 is neither"),
        ({}, "is neither"),
        ({"burst": 5}, "is neither"),
        ({"rate": "1/s", "bursts": 5}, "is neither"),
        ({"rate": None}, "rate None is not a text"),
        ({"rate": "1/s", "burst": "5"}, "burst '5' is not a whole number"),
        ({"rate": "1/s", "burst": True}, "burst True is not a whole number"),
        ({"rate": "1/s", "burst": 0}, "burst 0 is not between"),
    ],
)
def test_a_wrong_limit_is_explained(value: object, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        limit_from(value)


def test_a_tenant_is_a_text() -> None:
    assert tenant_from("acme") == "acme"
    with pytest.raises(InvalidInput, match="tenant 7 is not a text"):
        tenant_from(7)
