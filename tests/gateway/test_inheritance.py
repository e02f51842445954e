"""What a worker gets from the process that starts it."""

from gateway.inheritance import Inheritance
from gateway.quotas.holder_id import HolderId


def test_what_a_parent_gives_arrives() -> None:
    given = Inheritance([7, 8], 9, HolderId("a1", 3))
    assert Inheritance.from_argument(given.to_argument()) == given


def test_a_parent_of_a_version_before_gives_no_name() -> None:
    """SIGHUP starts workers of new code under a parent of old."""
    first, second = (Inheritance.from_argument('{"listeners": [7], "control": 9}') for _ in "ab")
    assert first.files == [7, 9]
    assert first.holder_id.life == 0
    assert first.holder_id.name != second.holder_id.name


def test_a_parent_of_a_later_version_may_give_more() -> None:
    argument = '{"listeners": [7], "control": 9, "more": 1}'
    assert Inheritance.from_argument(argument).control == 9
