"""Failures by address and by key: how many, for how long, and in how much memory."""

import pytest

from gateway.data import attempts
from gateway.data.attempts import LOOK_UPS, PER_ADDRESS, PER_KEY, Attempts, Spendings, origin
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


def _look_ups(tries: Attempts, address: str = HERE, name: str = "") -> int:
    """How many it takes until one is refused, of a hundred."""
    for number in range(100):
        try:
            tries.look_up(address, name)
        except TooManyFailures as error:
            assert error.retry_after_s == 1
            return number
    return 100


def test_an_address_that_fails_no_more_than_it_may_is_looked_up_for_as_often_as_it_likes() -> None:
    tries = Attempts(now_s=Clock().seconds)
    _fail(tries, PER_ADDRESS.burst - 1)
    assert _look_ups(tries) == 100


def test_an_address_that_failed_too_often_is_looked_up_for_twenty_times_a_second() -> None:
    clock = Clock()
    tries = Attempts(now_s=clock.seconds)
    _fail(tries, PER_ADDRESS.burst)
    assert _look_ups(tries) == LOOK_UPS.burst == 20
    assert _look_ups(tries) == 0
    clock.now_s += 0.501
    assert _look_ups(tries) == 10
    # It may still not fail.
    _refusal(tries)


def test_others_are_looked_up_for_meanwhile() -> None:
    tries = Attempts(now_s=Clock().seconds)
    for address in (HERE, "192.0.2.2"):
        _fail(tries, PER_ADDRESS.burst, address)
    assert _look_ups(tries) == _look_ups(tries, "192.0.2.2") == LOOK_UPS.burst
    assert _look_ups(tries, "192.0.2.3") == 100


def test_who_names_a_key_that_may_fail_no_more_takes_no_look_up_from_their_address() -> None:
    tries = Attempts(now_s=Clock().seconds)
    _fail(tries, PER_ADDRESS.burst)
    _fail(tries, PER_KEY.burst, "192.0.2.2", "key")
    for _ in range(LOOK_UPS.burst):
        with pytest.raises(TooManyFailures, match="try again in 10 s"):
            tries.look_up(HERE, "key")
    assert _look_ups(tries) == LOOK_UPS.burst


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
    assert _look_ups(tries, "") == 100
    behind_proxy = Attempts(None, now_s=Clock().seconds)
    _fail(behind_proxy, 100)
    behind_proxy.check(HERE)
    assert _look_ups(behind_proxy) == 100
    _fail(behind_proxy, PER_KEY.burst, name="key")
    assert _refusal(behind_proxy, name="key").retry_after_s == 10


def test_failures_are_remembered_in_bounded_space_the_latest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempts, "MAX_REMEMBERED", 3)
    failures = Spendings(PER_ADDRESS)
    for _ in range(PER_ADDRESS.burst):
        failures.add("guesser", 0.0)
    for number in range(100):
        failures.add(f"other {number}", 0.0)
        failures.add("guesser", 0.0)
    assert len(failures) == 3
    assert failures.wait_s("guesser", 0.0) > 0
