"""Networks of keys: their form, and which addresses are in them."""

import pytest

from gateway.errors import InvalidInput
from gateway.networks import MAX_NETWORKS, check_networks, is_within


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("::/0", "::/0"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
    ],
)
def test_a_network_is_kept_in_one_form(given: str, canonical: str) -> None:
    assert check_networks([given, canonical]) == (canonical,)


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("10.1.2.3/8", "did you mean 10.0.0.0/8"),
        ("2001:db8::1/32", "did you mean 2001:db8::/32"),
        ("", "write it as"),
        ("10.0.0.0/33", "write it as"),
        ("010.0.0.1", "write it as"),
        ("10.0.0.0/8 ", "write it as"),
        ("example.com", "write it as"),
    ],
)
def test_what_is_no_network_is_told_with_what_may_be_meant(given: str, advice: str) -> None:
    with pytest.raises(InvalidInput, match=advice) as caught:
        check_networks([given])
    assert repr(given) in str(caught.value)


def test_a_key_has_a_bounded_number_of_networks() -> None:
    networks = [f"10.0.{number}.0/24" for number in range(MAX_NETWORKS + 1)]
    assert len(check_networks(networks[1:])) == MAX_NETWORKS
    with pytest.raises(InvalidInput, match="33 networks"):
        check_networks(networks)


@pytest.mark.parametrize(
    ("network", "address", "inside"),
    [
        ("10.0.0.0/8", "10.0.0.0", True),
        ("10.0.0.0/8", "10.255.255.255", True),
        ("10.0.0.0/8", "11.0.0.0", False),
        ("10.0.0.0/8", "9.255.255.255", False),
        # A socket that takes both versions shows IPv4 like this.
        ("10.0.0.0/8", "::ffff:10.0.0.1", True),
        ("10.0.0.0/8", "::ffff:11.0.0.1", False),
        ("::/0", "::ffff:10.0.0.1", False),
        ("::/0", "10.0.0.1", False),
        ("0.0.0.0/0", "::ffff:10.0.0.1", True),
        ("0.0.0.0/0", "2001:db8::1", False),
        # IPv4-compatible, which is something else.
        ("10.0.0.0/8", "::10.0.0.1", False),
        ("2001:db8::/32", "2001:db8:ffff::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("::1/128", "::1", True),
        # A Unix socket has no address.
        ("0.0.0.0/0", "", False),
    ],
)
def test_an_address_is_in_a_network_or_not(network: str, address: str, inside: bool) -> None:
    assert is_within((network,), address) is inside


def test_one_network_of_several_is_enough() -> None:
    networks = ("192.0.2.0/24", "2001:db8::/32")
    assert is_within(networks, "2001:db8::1") and is_within(networks, "192.0.2.1")
    assert not is_within(networks, "192.0.3.1")
