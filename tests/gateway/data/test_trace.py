"""Which traces go on."""

import pytest

from gateway.data.trace import is_traceparent, new_traceparent

ID, SPAN = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"


@pytest.mark.parametrize(
    "value",
    [b"00-%b-%b-01" % (ID, SPAN), b"00-%b-%b-00" % (ID, SPAN), b"01-%b-%b-01-x" % (ID, SPAN)],
)
def test_a_trace_of_any_version_goes_on(value: bytes) -> None:
    assert is_traceparent(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"ff-%b-%b-01" % (ID, SPAN),
        b"00-%b-%b-01-more" % (ID, SPAN),
        b"00-%b-%b-01" % (b"0" * 32, SPAN),
        b"00-%b-%b-01" % (ID, b"0" * 16),
        b"00-%b-%b-01" % (ID.upper(), SPAN),
        b"00-%b-%b" % (ID, SPAN),
        b"01-%b-%b-01x" % (ID, SPAN),
        # Nothing that would have to be escaped in a log.
        b'01-%b-%b-01-","tenant":"x' % (ID, SPAN),
        b"01-%b-%b-01-\\" % (ID, SPAN),
        b"01-%b-%b-01-%b" % (ID, SPAN, b"x" * 65),
    ],
)
def test_what_the_standard_forbids_does_not_go_on(value: bytes) -> None:
    assert not is_traceparent(value)


def test_new_traces_are_valid_and_differ() -> None:
    first, second = new_traceparent(), new_traceparent()
    assert is_traceparent(first) and is_traceparent(second) and first != second
