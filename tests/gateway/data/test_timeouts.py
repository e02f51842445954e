"""What is said when something took too long."""

import pytest

from gateway import keys
from gateway.data import timeouts
from gateway.data.gate import Times

TIMES = Times(upstream_s=60.0, request_s=600.0)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (keys.generate().token.encode(), "records_unavailable"),
        (b"", "records_unavailable"),
        (b"eyJhbGciOiJFUzI1NiJ9.e30.c2ln", "issuer_unavailable"),
    ],
    ids=["key", "none", "token of an issuer"],
)
def test_who_was_asked_about_the_caller_is_named(token: bytes, code: str) -> None:
    assert timeouts.of_a_look_up(token).code == code


def test_a_silent_triton_is_named_with_its_time() -> None:
    error = timeouts.of_triton(TIMES)
    assert error.code == "upstream_timeout" and "60 s" in str(error)


@pytest.mark.parametrize(
    ("has_arrived", "code"), [(True, "upstream_timeout"), (False, "request_timeout")]
)
def test_a_request_is_the_clients_until_it_has_arrived(has_arrived: bool, code: str) -> None:
    error = timeouts.of_all(TIMES, has_arrived=has_arrived)
    assert error.code == code and "600 s in all" in str(error)
