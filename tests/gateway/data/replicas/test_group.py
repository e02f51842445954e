"""What the Tritons of a worker are chosen by."""

from collections import Counter

import pytest

from gateway.data.replicas import group as groups
from gateway.data.replicas.breakers import FAILURES_IN_A_ROW, FIRST_OPEN_S
from gateway.data.replicas.ejection import BROKEN_IN_A_ROW, RETURN_S, State
from gateway.data.replicas.group import Replicas
from gateway.data.replicas.replica import Address, Replica, new_replica
from gateway.data.replicas.sequences import Sequence
from gateway.data.routes import Route, find_route
from tests.gateway.helpers import Clock


def tritons(count: int) -> list[Replica]:
    return [new_replica(Address(f"10.0.0.{number}", 8000), 8) for number in range(count)]


def chosen(group: Replicas, model: str = "m", requests: int = 200) -> set[Replica]:
    return {group.choose(model) for _ in range(requests)}


def infer(model: str) -> Route:
    return find_route(b"POST", f"/v2/models/{model}/infer".encode())


def fail(group: Replicas, replica: Replica, model: str = "m") -> None:
    for _ in range(FAILURES_IN_A_ROW):
        group.answered(replica, infer(model), 500)


def test_one_triton_is_no_choice() -> None:
    (one,) = tritons(1)
    assert Replicas([one], now_s=Clock().seconds).only is one


def test_all_get_requests() -> None:
    given = tritons(3)
    assert chosen(Replicas(given, now_s=Clock().seconds)) == set(given)


def test_a_model_is_sent_where_it_is_ready() -> None:
    given = tritons(3)
    group = Replicas(given, now_s=Clock().seconds)
    for replica, models in zip(given, ({"a"}, {"a", "b"}, {"a", "b"}), strict=True):
        group.know_models(replica, frozenset(models))
    assert chosen(group, "a") == set(given)
    assert chosen(group, "b") == set(given[1:])
    # Somebody has to say that it is unknown, and what asks for no model is for all.
    assert chosen(group, "c") == chosen(group, "") == set(given)
    group.know_models(given[0], frozenset({"a", "b"}))
    assert chosen(group, "b") == set(given)


def test_who_does_not_tell_its_models_may_have_any() -> None:
    first, second = tritons(2)
    group = Replicas([first, second], now_s=Clock().seconds)
    group.know_models(second, frozenset())
    assert chosen(group) == {first}


def test_who_broke_off_too_often_is_left_out_and_no_more_than_half() -> None:
    given = tritons(2)
    group = Replicas(given, now_s=Clock().seconds)
    for replica in given:
        for _ in range(BROKEN_IN_A_ROW):
            group.broke(replica)
    assert chosen(group) == {given[1]}
    assert given[0].ejections == 1


def test_an_answer_between_makes_broken_requests_no_row() -> None:
    given = tritons(2)
    group = Replicas(given, now_s=Clock().seconds)
    for _ in range(BROKEN_IN_A_ROW):
        group.broke(given[0])
        group.answered(given[0], infer("m"), 200)
    assert chosen(group) == set(given)


def test_where_nobody_can_be_reached_all_are_tried() -> None:
    given = tritons(2)
    group = Replicas(given, now_s=Clock().seconds)
    for replica in given:
        replica.pool.on_refused()
    assert not any(replica.standing.is_usable for replica in given)
    assert chosen(group) == set(given)


def test_the_only_triton_is_never_left_out() -> None:
    (one,) = tritons(1)
    group = Replicas([one], now_s=Clock().seconds)
    one.pool.on_refused()
    group.broke(one)
    assert one.standing.is_usable


def test_who_is_taken_back_gets_little_at_first() -> None:
    clock = Clock()
    given = tritons(2)
    group = Replicas(given, now_s=clock.seconds)
    group.eject(given[0], "test")
    group.take_back(given[0])
    shares = []
    for _ in range(2):
        counts = Counter(group.choose("m") for _ in range(4000))
        shares.append(counts[given[0]] / 4000)
        clock.now_s += RETURN_S
        group.pass_time()
    assert 0.05 < shares[0] < 0.15 and 0.45 < shares[1] < 0.55
    assert given[0].standing.state is State.HEALTHY


def test_a_model_that_fails_at_one_triton_is_sent_to_others() -> None:
    given = tritons(3)
    group = Replicas(given, now_s=Clock().seconds)
    fail(group, given[0])
    assert chosen(group) == set(given[1:])
    assert chosen(group, "other") == set(given)


def test_a_model_that_fails_everywhere_is_sent_to_all() -> None:
    given = tritons(2)
    group = Replicas(given, now_s=Clock().seconds)
    for replica in given:
        fail(group, replica)
    assert chosen(group) == set(given)


@pytest.mark.parametrize(("status", "is_mended"), [(200, True), (500, False)])
def test_one_request_tries_a_model_that_has_failed(status: int, is_mended: bool) -> None:
    clock = Clock()
    given = tritons(2)
    group = Replicas(given, now_s=clock.seconds)
    fail(group, given[0])
    clock.now_s += FIRST_OPEN_S
    group.pass_time()
    assert [group.choose("m") for _ in range(3)] == [given[0], given[1], given[1]]
    group.answered(given[0], infer("m"), status)
    assert (given[0] in chosen(group)) is is_mended


def test_a_sequence_stays_where_it_began() -> None:
    given = tritons(8)
    group = Replicas(given, now_s=Clock().seconds)
    sequence = Sequence("7", starts=False, ends=False)
    first = group.choose_for("m", Sequence("7", starts=True, ends=False))
    group.replace([*given, *tritons(16)[8:]])
    assert {group.choose_for("m", sequence) for _ in range(50)} == {first}


def test_workers_agree_on_where_a_sequence_is() -> None:
    sequences = [Sequence(str(number), starts=False, ends=False) for number in range(50)]
    places = [
        [group.choose_for("m", sequence).name for sequence in sequences]
        for group in (Replicas(tritons(8), now_s=Clock().seconds) for _ in range(2))
    ]
    assert places[0] == places[1] and len(set(places[0])) > 4


def test_a_sequence_does_not_leave_a_triton_that_fails_but_a_new_one_does() -> None:
    given = tritons(2)
    group = Replicas(given, now_s=Clock().seconds)
    first = group.choose_for("m", Sequence("7", starts=True, ends=False))
    group.eject(first, "test")
    assert group.choose_for("m", Sequence("7", starts=False, ends=False)) is first
    assert group.choose_for("m", Sequence("7", starts=True, ends=False)) is not first


def test_who_is_gone_is_closed_when_it_has_nothing_in_flight() -> None:
    given = tritons(3)
    group = Replicas(given, now_s=Clock().seconds)
    changes: list[None] = []
    group.on_change = lambda: changes.append(None)
    group.replace(given[:2])
    assert group.max_connections == 16 and changes
    assert chosen(group) == set(given[:2])
    group.pass_time()
    assert group._leaving == []


def test_names_that_clients_make_up_are_not_remembered_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(groups, "MAX_LISTS", 10)
    group = Replicas(tritons(2), now_s=Clock().seconds)
    for number in range(100):
        group.choose(str(number))
    assert len(group._lists) <= 10


def test_a_choice_among_many_looks_at_two_only() -> None:
    group = Replicas(tritons(64), now_s=Clock().seconds, draw=lambda: 0.0)
    group.choose("m")
    # There is nothing to look at but the loads of the first two, which are drawn.
    group._loads = [1, 0]
    assert group.choose("m") is group.all[1]
