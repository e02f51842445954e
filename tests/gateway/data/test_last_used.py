from gateway.data.last_used import LastUsed


def test_of_each_key_the_last_use_is_taken_once() -> None:
    last_used = LastUsed()
    for key_id, now_s in (("a", 1.0), ("b", 2.0), ("a", 3.0)):
        last_used.note(key_id, now_s)
    assert last_used.take() == {"a": 3.0, "b": 2.0}
    assert last_used.take() == {}
