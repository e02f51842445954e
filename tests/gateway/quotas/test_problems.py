"""What clients are told of limits."""

import http_sfv
import pytest

from gateway.errors import AboveLimit, QuotaExceeded, QuotaStoreAway, problem_headers
from gateway.limits import Budget, Concurrency, Limit, Metric, Period
from gateway.quotas.decisions import Reason, Refusal
from gateway.quotas.policy_fields import policy_of
from gateway.quotas.problems import problem_of
from gateway.rates import Rate
from tests.gateway.quotas.builders import limit

RATE = limit(Rate(100, 1, 200))
ONE = (1, 1, 100, 10)


def parsed(field: bytes) -> tuple[str, dict[str, object]]:
    fields = http_sfv.List()
    fields.parse(field)
    return fields[0].value, dict(fields[0].params)


def test_used_up_is_a_429_that_names_the_limit_and_the_wait() -> None:
    error = problem_of(Refusal(Reason.USED_UP, RATE, 3))
    assert isinstance(error, QuotaExceeded)
    assert str(error) == "This key may send 100 requests/s with bursts of 200; try again in 3 s."
    fields = dict(problem_headers(error))
    assert fields[b"Retry-After"] == b"3"
    assert parsed(fields[b"RateLimit"]) == ("key-requests-rate", {"r": 0, "t": 3})
    assert parsed(fields[b"RateLimit-Policy"]) == (
        "key-requests-rate",
        {"q": 200, "w": 2, "qu": "requests"},
    )
    assert error.members() == {"violated-policies": ["key-requests-rate"]}


@pytest.mark.parametrize(
    ("refused", "terms"),
    [
        (limit(Concurrency(2)), "have 2 requests in flight"),
        (
            limit(Budget(9, Period.MONTH), Metric.SAMPLES, models="mn*"),
            "use 9 samples/month on mn*",
        ),
    ],
)
def test_every_kind_of_limit_is_told_in_words(refused: Limit, terms: str) -> None:
    error = problem_of(Refusal(Reason.USED_UP, refused, 3))
    assert str(error) == f"This key may {terms}; try again in 3 s."


def test_more_than_a_limit_ever_allows_is_not_to_be_tried_again() -> None:
    error = problem_of(Refusal(Reason.TOO_LARGE, RATE, None, cost=700))
    assert isinstance(error, AboveLimit)
    assert "takes 700 requests, more than" in str(error)
    assert error.status == 403


def test_a_limit_that_allows_nothing_is_not_one_of_large_requests() -> None:
    nothing = limit(Budget(0, Period.DAY))
    error = problem_of(Refusal(Reason.TOO_LARGE, nothing, None, cost=1))
    assert isinstance(error, AboveLimit)
    assert str(error) == (
        "This key may send 0 requests/day, which is nothing; ask the operator of this gateway for "
        "more."
    )


@pytest.mark.parametrize("reason", [Reason.STORE_AWAY, Reason.CROWDED])
def test_a_store_that_is_away_is_a_503_and_no_fault_of_the_client(reason: Reason) -> None:
    error = problem_of(Refusal(reason, RATE, 1))
    assert isinstance(error, QuotaStoreAway)
    assert error.status == 503
    assert error.problem_type.endswith("#temporary-reduced-capacity")
    assert dict(problem_headers(error))[b"Retry-After"] == b"1"


@pytest.mark.parametrize(
    ("measure", "policy"),
    [
        (Rate(100, 1, 200), (200, 2)),
        (Rate(100, 1, 10), (100, 1)),
        (Rate(7, 60, 10), (10, 86)),
        (Budget(5, Period.DAY), (5, 86_400)),
        (Concurrency(8), (8, None)),
    ],
)
def test_a_policy_has_a_quota_and_a_window(
    measure: Rate | Budget | Concurrency, policy: tuple[int, int | None]
) -> None:
    assert policy_of(measure) == policy
