"""Errors within answers of status 200."""

from gateway.data.event_errors import EventErrors

STREAM = b'data: {"text":"a"}\n\ndata: {"error":"broken"}\n\n'


def test_an_error_event_is_found_however_it_is_cut() -> None:
    for cut in range(len(STREAM)):
        events = EventErrors(is_stream=True)
        events.look([STREAM[:cut]])
        events.look([STREAM[cut:]])
        assert events.found


def test_an_error_in_the_first_event_is_found() -> None:
    events = EventErrors(is_stream=True)
    events.look([b'data: {"error":"x"}\n\n'])
    assert events.found


def test_text_that_quotes_an_error_is_none() -> None:
    events = EventErrors(is_stream=True)
    events.look([b'data: {"text":"\\ndata: {\\"error\\":1}"}\n\n', b'data: {"n":{"error":1}}\n\n'])
    assert not events.found


def test_a_single_answer_may_be_an_error() -> None:
    single = EventErrors(is_stream=False)
    single.look([b'{"err', b'or":"generate expects one response"}'])
    assert single.found
    other = EventErrors(is_stream=False)
    other.look([b'{"text":"{\\"error\\":1}"}'])
    assert not other.found
