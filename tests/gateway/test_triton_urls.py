"""The addresses of Tritons in the setting."""

import pytest

from gateway.errors import ConfigurationError
from gateway.triton_urls import MAX_URLS, triton_addresses


def test_several_addresses_are_separated_by_commas() -> None:
    urls = "http://127.0.0.1:8000, http://gpu:8001/,http://[::1]:8002"
    assert triton_addresses(urls) == (("127.0.0.1", 8000), ("gpu", 8001), ("::1", 8002))


@pytest.mark.parametrize(
    "wrong", ["", "gpu:8000", "https://gpu:8000", "http://gpu", "http://gpu:eight", "http://a:1/x"]
)
def test_the_entry_that_is_wrong_is_named(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="write each address as") as caught:
        triton_addresses(f"http://127.0.0.1:8000,{wrong}")
    assert repr(wrong) in str(caught.value)


def test_the_number_of_addresses_has_a_bound() -> None:
    urls = ",".join(f"http://10.0.0.1:{port}" for port in range(1, MAX_URLS + 2))
    with pytest.raises(ConfigurationError, match="has 257 addresses; at most 256"):
        triton_addresses(urls)
