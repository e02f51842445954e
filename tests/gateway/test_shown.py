"""Values as messages show them."""

from gateway.shown import MAX_SHOWN, shown


def test_a_value_is_shown_as_it_was_written_and_of_a_long_one_the_beginning() -> None:
    assert shown("a b") == "'a b'"
    assert shown("a" * 500) == "'" + "a" * (MAX_SHOWN - 1) + "..."
