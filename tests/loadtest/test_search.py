import pytest

from loadtest.search import Candidate, Found, highest_rate


class Server:
    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self.tried: list[float] = []

    def __call__(self, rate: float) -> Candidate:
        self.tried.append(rate)
        return Candidate(rate, "too much" if rate > self.capacity else "")


@pytest.mark.parametrize("capacity", [1, 4.9, 10, 37, 1000, 12_345])
def test_a_known_capacity_is_found_within_five_percent(capacity: float) -> None:
    found = highest_rate(Server(capacity), start=20, most=100_000, least=0.3)
    assert found.holds and found.fails
    assert capacity / 1.05 <= found.holds.rate <= capacity < found.fails.rate


def test_it_takes_few_candidates() -> None:
    server = Server(1000)
    highest_rate(server, start=20, most=100_000, least=0.3)
    assert len(server.tried) <= 12


def test_the_most_that_is_asked_for_may_hold() -> None:
    server = Server(1000)
    assert highest_rate(server, start=100, most=300, least=1) == Found(Candidate(300), None)
    assert server.tried == [100, 200, 300]


def test_nothing_may_hold() -> None:
    found = highest_rate(Server(0), start=64, most=100, least=1)
    assert found == Found(None, Candidate(1, "too much"))


def test_the_least_is_the_last_that_is_tried() -> None:
    server = Server(0)
    assert highest_rate(server, start=10, most=100, least=3).fails == Candidate(3, "too much")
    assert server.tried == [10, 5, 3]
