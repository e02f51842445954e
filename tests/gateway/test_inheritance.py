"""What a worker gets from the process that starts it."""

from gateway.inheritance import Inheritance


def test_what_a_parent_gives_arrives() -> None:
    given = Inheritance([7, 8], 9)
    received = Inheritance.from_argument(given.to_argument())
    assert received == given
    assert received.files == [7, 8, 9]


def test_a_parent_of_another_version_may_give_more() -> None:
    """SIGHUP starts workers of new code under a parent of old."""
    argument = '{"listeners": [7], "control": 9, "holder_id": ["a1", 3]}'
    assert Inheritance.from_argument(argument).control == 9
