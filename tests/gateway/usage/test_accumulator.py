"""Usage as it is counted in memory: by whom, by model, by hour."""

from gateway.usage.accumulator import Usage
from gateway.usage.counts import Account, Counts, merge
from gateway.usage.meter import Meter
from tests.gateway.usage.counting import tally

AGAIN = "told again by its place"
HOUR_S = 1_800_000_000 // 3600 * 3600


class WallClock:
    def __init__(self) -> None:
        self.now_s = float(HOUR_S)

    def __call__(self) -> float:
        return self.now_s


def told(usage: Usage) -> dict[int, tuple[str, int]]:
    """Models and requests of what changed, by place; the model is AGAIN if it was told before."""
    rows, places, sums = usage.changes()
    result = {place: (row[3], row[4]) for place, row in zip(places, rows, strict=True)}
    for place, *counts in zip(*[iter(sums)] * 7, strict=True):
        assert place not in result and tuple(counts) == usage.rows()[place][4:]
        result[place] = AGAIN, counts[0]
    return result


def test_counts_are_kept_by_tenant_key_and_model_and_taken_once() -> None:
    usage = Usage(WallClock())
    for account in (
        ("a", "k", "m"),
        ("a", "k", "m"),
        ("a", "k", ""),
        ("a", "l", "m"),
        ("b", "k", "m"),
    ):
        tally(usage, *account).requests += 1
    assert usage.take() == {
        Account(HOUR_S, "a", "k", "m"): Counts(requests=2),
        Account(HOUR_S, "a", "k", ""): Counts(requests=1),
        Account(HOUR_S, "a", "l", "m"): Counts(requests=1),
        Account(HOUR_S, "b", "k", "m"): Counts(requests=1),
    }
    assert usage.take() == {}


def test_what_was_taken_is_counted_in_no_more() -> None:
    usage = Usage(WallClock())
    tally(usage, "a", "k", "m").requests += 1
    taken = usage.take()
    tally(usage, "a", "k", "m").requests += 1
    assert taken == usage.take() == {Account(HOUR_S, "a", "k", "m"): Counts(requests=1)}


def test_names_that_clients_make_up_are_one_account_of_their_hour() -> None:
    clock = WallClock()
    usage = Usage(clock)
    for now_s in (HOUR_S, HOUR_S + 3600):
        clock.now_s = now_s
        for _ in range(100):
            tally(usage, "a", "k", "").requests += 1
    assert [(row[0], row[4]) for row in usage.rows()] == [
        (HOUR_S, 100),
        (HOUR_S + 3600, 100),
    ]
    usage.take()
    tally(usage, "a", "k", "").requests += 1
    assert usage.take() == {Account(HOUR_S + 3600, "a", "k", ""): Counts(requests=1)}


def test_a_request_is_counted_in_the_hour_in_which_it_ends() -> None:
    clock = WallClock()
    usage = Usage(clock)
    for now_s in (HOUR_S, HOUR_S + 3599.99, HOUR_S + 3600, HOUR_S + 7200):
        clock.now_s = now_s
        tally(usage, "a", "k", "m").requests += 1
    assert {account.hour_s: counts.requests for account, counts in usage.take().items()} == {
        HOUR_S: 2,
        HOUR_S + 3600: 1,
        HOUR_S + 7200: 1,
    }


def test_a_clock_that_was_wrong_is_believed_once_it_is_set_right() -> None:
    clock = WallClock()
    usage = Usage(clock)
    clock.now_s = HOUR_S + 1e9
    tally(usage, "a", "k", "m").requests += 1
    usage.take()
    clock.now_s = HOUR_S
    tally(usage, "a", "k", "m").requests += 1
    assert [account.hour_s for account in usage.take()] == [HOUR_S]


def test_a_clock_that_is_set_back_between_two_looks_counts_nothing_twice() -> None:
    moments = iter([HOUR_S + 10.0, HOUR_S + 10.0, HOUR_S + 3600.0, HOUR_S + 3599.9])
    usage, meter = Usage(lambda: next(moments)), Meter("a", "k", "m")
    usage.open(meter).requests += 1
    usage.open(meter).requests += 1
    assert [row[4] for row in usage.rows()] == [2]


def test_what_counted_since_it_was_gathered_is_told_with_its_place() -> None:
    usage, meters = Usage(WallClock()), [Meter("a", "k", model) for model in "lmn"]
    for meter in meters[:2]:
        usage.open(meter).requests += 1
    assert told(usage) == {0: ("l", 1), 1: ("m", 1)}
    # Nothing has it yet.
    assert told(usage) == {0: ("l", 1), 1: ("m", 1)}
    usage.gathered()
    assert told(usage) == {}
    for meter in (*meters[1:], meters[1]):
        usage.open(meter).requests += 1
    assert told(usage) == {1: (AGAIN, 3), 2: ("n", 1)}
    assert [(row[3], row[4]) for row in usage.rows()] == [("l", 1), ("m", 3), ("n", 1)]


def test_what_has_no_name_of_a_model_is_told_again_when_it_counts_again() -> None:
    usage, meter = Usage(WallClock()), Meter("a", "k", "")
    for requests in (1, 2):
        usage.open(meter).requests += 1
        assert told(usage) == {0: ("" if requests == 1 else AGAIN, requests)}
        usage.gathered()
        assert told(usage) == {}


def test_an_hour_that_ends_leaves_rows_in_their_places_and_none_untold() -> None:
    clock = WallClock()
    usage, known, new = Usage(clock), Meter("a", "k", "known"), Meter("a", "k", "new")
    usage.open(known).requests += 1
    usage.gathered()
    usage.open(new).requests += 2
    for hour in (1, 2):
        clock.now_s = HOUR_S + hour * 3600
        usage.open(known).requests += 3
    assert told(usage) == {1: ("new", 2), 2: ("known", 3), 3: ("known", 3)}
    hours = [(row[0] - HOUR_S) // 3600 for row in usage.rows()]
    assert hours == [0, 0, 1, 2]
    usage.gathered()
    usage.open(known).requests += 1
    assert told(usage) == {3: (AGAIN, 4)}


def test_what_was_taken_is_told_no_more_and_places_begin_anew() -> None:
    clock = WallClock()
    usage, meters = Usage(clock), [Meter("a", "k", model) for model in "mn"]
    usage.open(meters[0]).requests += 1
    clock.now_s += 3600
    for meter in meters:
        usage.open(meter).requests += 1
    usage.take()
    assert told(usage) == {}
    usage.open(meters[1]).requests += 1
    assert told(usage) == {0: ("n", 1)}


def test_batches_add_up_and_stay_as_they_were() -> None:
    here, there = Account(HOUR_S, "a", "k", "m"), Account(HOUR_S, "a", "k", "n")
    batch = {here: Counts(1, 2, 3, 4, 5, 6)}
    into = {there: Counts(requests=9)}
    merge(into, batch)
    merge(into, batch)
    assert into == {there: Counts(requests=9), here: Counts(2, 4, 6, 8, 10, 12)}
    assert batch == {here: Counts(1, 2, 3, 4, 5, 6)}
