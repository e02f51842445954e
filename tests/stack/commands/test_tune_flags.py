"""The flags of `conch tune` that say what to try and what is better."""

import pytest

from stack.commands.tune_flags import max_batch_range, objective_of
from stack.errors import UsageError
from stack.tuning.objective import Balanced, Within


def test_a_limit_is_an_aim_of_its_own() -> None:
    assert objective_of(None, None) == Balanced((1, 8, 32))
    assert objective_of("20ms", "8,2") == Within((2, 8), 20.0)
    assert objective_of("500us", "1") == Within((1,), 0.5)
    assert objective_of("1.5s", "1") == Within((1,), 1500.0)


@pytest.mark.parametrize("p99", ["20", "ms", "0ms", "-1ms", "infs", "nans", "20sm", ""])
def test_what_is_no_limit_is_refused(p99: str) -> None:
    with pytest.raises(UsageError, match="--p99 is"):
        objective_of(p99, None)


@pytest.mark.parametrize("users", ["0", "1,", "a", "1;2"])
def test_what_is_no_list_of_loads_is_refused(users: str) -> None:
    with pytest.raises(UsageError, match="--users is"):
        objective_of(None, users)


def test_the_largest_batch_stays_unless_asked_for() -> None:
    assert max_batch_range("m", None, shipped=32, manifest=None, smaller=False) == (32, 32)


def test_a_batch_that_was_never_proven_is_refused() -> None:
    with pytest.raises(UsageError, match="was proven up to 32"):
        max_batch_range("m", "32:64", shipped=32, manifest=None, smaller=False)


def test_a_batch_that_clients_may_send_is_not_taken_from_them_unasked() -> None:
    with pytest.raises(UsageError, match="may send 32"):
        max_batch_range("m", "8:32", shipped=32, manifest=None, smaller=False)
    assert max_batch_range("m", "8:32", shipped=32, manifest=None, smaller=True) == (8, 32)
