"""What requests to a model took of late."""

from gateway.quotas.estimates import MAX_MODELS, Estimates


def test_a_model_that_was_never_called_costs_the_least() -> None:
    estimates = Estimates()
    assert (estimates.compute_ms("mnist"), estimates.answer_bytes("mnist")) == (1, 0)


def test_the_first_request_is_believed_and_later_ones_move_it() -> None:
    estimates = Estimates()
    estimates.observe("mnist", 100, 1000)
    assert (estimates.compute_ms("mnist"), estimates.answer_bytes("mnist")) == (101, 1000)
    estimates.observe("mnist", 200, 2000)
    assert (estimates.compute_ms("mnist"), estimates.answer_bytes("mnist")) == (111, 1100)


def test_the_model_that_was_not_called_for_longest_is_forgotten() -> None:
    estimates = Estimates()
    for number in range(MAX_MODELS):
        estimates.observe(str(number), 50, 50)
    estimates.observe("0", 50, 50)
    estimates.observe("new", 50, 50)
    assert estimates.answer_bytes("0") == 50
    assert estimates.answer_bytes("1") == 0
