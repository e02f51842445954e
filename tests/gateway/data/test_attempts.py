"""Failures by address and by key: how many, for how long, and in how much memory."""

import pytest

from gateway.data import attempts
from gateway.data.attempts import PER_ADDRESS, PER_KEY, Attempts, Failures, origin
from gateway.errors import TooManyFailures
from tests.gateway.helpers import Clock

HERE = "192.0.2.1"


def _fail(tries: Attempts, times: int, address: str = HERE, name: str = "") -> None:
    for _ in range(times):
        tries.fail(address, name)


def _refusal(tries: Attempts, address: str = HERE, name: str = "") -> TooManyFailures:
    with pytest.raises(TooManyFailures) as caught:
        tries.fail(address, name)
    return caught.value


def test_an_address_may_fail_so_often_and_then_waits_as_long_as_it_is_told() -> None:
    clock = Clock()
    tries = Attempts(now_s=clock.seconds)
    _fail(tries, PER_ADDRESS.burst)
    error = _refusal(tries)
    assert (error.retry_after_s, dict(error.headers())) == (2, {b"Retry-After": b"2"})
    clock.now_s += error.retry_after_s - 0.001
    assert _refusal(tries).retry_after_s == 1
    clock.now_s += 0.001
    tries.check(HERE)
    _fail(tries, 1)
    assert _refusal(tries).retry_after_s == 2


def test_to_be_refused_is_no_failure() -> None:
    clock = Clock()
    tries = Attempts(now_s=clock.seconds)
    _fail(tries, PER_ADDRESS.burst)
    for _ in range(100):
        _refusal(tries)
    clock.now_s += PER_ADDRESS.refill_s
    _fail(tries, 1)


def test_who_fails_less_often_than_the_bucket_refills_is_never_refused() -> None:
    clock = Clock()
    tries = Attempts(now_s=clock.seconds)
    for _ in range(200):
        _fail(tries, 1)
        clock.now_s += PER_ADDRESS.refill_s


def test_a_key_may_be_named_so_often_from_wherever() -> None:
    clock = Clock()
    tries = Attempts(now_s=clock.seconds)
    for number in range(PER_KEY.burst):
        _fail(tries, 1, f"192.0.2.{number}", "key")
    assert _refusal(tries, "192.0.2.99", "key").retry_after_s == 10
    _fail(tries, 1, "192.0.2.99", "other")
    clock.now_s += PER_KEY.refill_s
    _fail(tries, 1, "192.0.2.99", "key")


def test_the_longer_of_two_waits_is_told() -> None:
    tries = Attempts(now_s=Clock().seconds)
    _fail(tries, PER_KEY.burst, name="key")
    _fail(tries, PER_ADDRESS.burst - PER_KEY.burst)
    assert _refusal(tries, name="key").retry_after_s == PER_KEY.refill_s


def test_other_addresses_are_not_meant() -> None:
    tries = Attempts(now_s=Clock().seconds)
    _fail(tries, PER_ADDRESS.burst)
    tries.check("192.0.2.2")


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("", ""),
    ],
)
def test_of_ipv6_the_64_stands_for_the_customer(address: str, who: str) -> None:
    assert origin(address) == who


def test_a_unix_socket_and_a_proxy_that_stands_for_all_are_not_limited() -> None:
    tries = Attempts(now_s=Clock().seconds)
    _fail(tries, 100, address="")
    tries.check("")
    behind_proxy = Attempts(None, now_s=Clock().seconds)
    _fail(behind_proxy, 100)
    behind_proxy.check(HERE)
    _fail(behind_proxy, PER_KEY.burst, name="key")
    assert _refusal(behind_proxy, name="key").retry_after_s == 10


def test_failures_are_remembered_in_bounded_space_the_latest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempts, "MAX_REMEMBERED", 3)
    failures = Failures(PER_ADDRESS)
    for _ in range(PER_ADDRESS.burst):
        failures.add("guesser", 0.0)
    for number in range(100):
        failures.add(f"other {number}", 0.0)
        failures.add("guesser", 0.0)
    assert len(failures) == 3
    assert failures.wait_s("guesser", 0.0) > 0
