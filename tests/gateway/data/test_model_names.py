"""Names of models that are counted by."""

from gateway.data.model_names import ModelNames


def test_a_name_is_taken_once_triton_has_answered_for_it_with_success() -> None:
    names = ModelNames(10)
    outcomes = (False, True, False)
    assert [names.name("m", has_succeeded=outcome) for outcome in outcomes] == ["", "m", "m"]


def test_names_are_bounded_and_those_that_are_taken_stay() -> None:
    names = ModelNames(2)
    taken = [names.name(f"m{number}", has_succeeded=True) for number in (0, 1, 2, 0, 1)]
    assert taken == ["m0", "m1", "", "m0", "m1"]


def test_no_model_takes_no_place() -> None:
    names = ModelNames(1)
    assert names.name("", has_succeeded=True) == ""
    assert names.name("m", has_succeeded=True) == "m"
