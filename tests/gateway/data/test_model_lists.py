"""Lists of models, cut down."""

import pytest

from gateway.data.model_lists import cut_down
from gateway.errors import UpstreamFailed

INDEX = b'[{"name":"a","version":"1","state":"READY"}, {"name":"b"},{"version":"2","name":"a"}]'


def test_the_index_keeps_the_allowed_entries_as_they_came() -> None:
    kept = cut_down(INDEX, lambda model: model == "a")
    assert kept == b'[{"name":"a","version":"1","state":"READY"},{"version":"2","name":"a"}]'


def test_statistics_keep_the_allowed_models() -> None:
    body = b'{"model_stats":[{"name":"a","n":1e3},{"name":"b","n":2}]}'
    assert cut_down(body, lambda model: model == "a") == b'{"model_stats":[{"name":"a","n":1e3}]}'


def test_nothing_allowed_is_an_empty_list() -> None:
    assert cut_down(INDEX, lambda model: False) == b"[]"
    assert cut_down(b'{"model_stats":[]}', lambda model: True) == b'{"model_stats":[]}'


@pytest.mark.parametrize(
    "body", [b"", b"[", b"{}", b'[{"version":"1"}]', b'["a"]', b'[{"name":1}]', b"\xff"]
)
def test_what_is_no_list_is_never_shown(body: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        cut_down(body, lambda model: True)
