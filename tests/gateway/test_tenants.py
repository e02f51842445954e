"""Names of tenants."""

import pytest

from gateway.errors import InvalidInput
from gateway.tenants import check_tenant


@pytest.mark.parametrize("name", ["acme", "A", "0", "a.b_c-d", "a" * 64])
def test_a_name_is_taken(name: str) -> None:
    assert check_tenant(name) == name


@pytest.mark.parametrize("name", ["", "-a", ".", "a b", "a/b", "acme\n", "a" * 65, "acmé"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="is not a name of 1 to 64 ASCII letters"):
        check_tenant(name)
