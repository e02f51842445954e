"""How long the next piece of a body may take."""

from gateway.data.pace import MIN_BYTES_PER_S, Pace

PROGRESS_S = 30.0


def test_a_silent_client_has_the_time_of_one_piece() -> None:
    pace = Pace(1000.0, PROGRESS_S)
    assert pace.left_s(1000.0, 0) == PROGRESS_S
    assert pace.left_s(1020.0, 0) == PROGRESS_S - 20
    assert pace.left_s(1031.0, 0) < 0


def test_what_has_come_buys_time_and_never_more_than_that_of_one_piece() -> None:
    pace = Pace(1000.0, PROGRESS_S)
    assert pace.left_s(1040.0, 20 * MIN_BYTES_PER_S) == 10
    assert pace.left_s(1001.0, 1000 * MIN_BYTES_PER_S) == PROGRESS_S


def test_the_time_in_which_triton_took_nothing_does_not_count() -> None:
    pace = Pace(1000.0, PROGRESS_S)
    pace.excuse(50)
    assert pace.left_s(1070.0, 0) == PROGRESS_S - 20


def test_the_error_says_what_was_asked_and_what_came() -> None:
    detail = str(Pace(0.0, PROGRESS_S).error(7))
    assert "nothing for 30 s" in detail
    assert f"under {MIN_BYTES_PER_S} bytes a second; 7 bytes have come" in detail
