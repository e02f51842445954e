"""Admin tokens: their form, and that a typing error is told without asking anybody."""

import pytest

from gateway import admins, keys
from gateway.errors import InvalidInput


def test_a_token_has_the_form_and_no_two_are_the_same() -> None:
    tokens = {admins.new_token() for _ in range(100)}
    assert len(tokens) == 100 and all(map(admins.is_token, tokens))


def test_every_changed_character_breaks_it() -> None:
    token = admins.new_token()
    for place in range(len(token)):
        other = "x" if token[place] != "x" else "y"
        assert not admins.is_token(token[:place] + other + token[place + 1 :])
    assert not admins.is_token(token + "\n")


def test_a_key_is_no_admin_token() -> None:
    assert not admins.is_token(keys.generate().token)
    assert keys.parse_id(admins.new_token().encode()) is None


@pytest.mark.parametrize("name", ["", "a b", "-a", "x" * 65, "a\n"])
def test_a_name_has_a_form(name: str) -> None:
    with pytest.raises(InvalidInput, match="admin"):
        admins.check_admin_name(name)
    assert admins.check_admin_name("ops-1.x_y") == "ops-1.x_y"
