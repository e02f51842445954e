import pytest

from loadtest.errors import OptionError
from loadtest.quantities import ms_text, parse_rate, parse_share, parse_time_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20ms", 0.02), ("500us", 5e-4), ("5s", 5), (" 1.5 S ", 1.5), ("10m", 600), ("1h", 3600)],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time_s(text, "--p99") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "20", "ms", "0s", "-1s", "1e3s", "20 apples", "nan", "1..s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"^--p99 is .* no time\. Write .* 20ms"):
        parse_time_s(text, "--p99")


@pytest.mark.parametrize(
    ("text", "share"), [("0.1%", 0.001), ("0.001", 0.001), ("0", 0), ("100%", 1), (".5%", 0.005)]
)
def test_shares(text: str, share: float) -> None:
    assert parse_share(text, "--errors") == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "101%", "5", "-1%", "1ms"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"--errors is .* no share"):
        parse_share(text, "--errors")


@pytest.mark.parametrize(
    ("text", "rate"), [("100", 100), ("2.5/s", 2.5), ("6000/m", 100), ("36/h", 0.01)]
)
def test_rates(text: str, rate: float) -> None:
    assert parse_rate(text, "--rate") == pytest.approx(rate)


@pytest.mark.parametrize("text", ["", "0", "x/s", "100/day", "inf"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"--rate is .* no rate"):
        parse_rate(text, "--rate")


@pytest.mark.parametrize(
    ("us", "text"),
    [(123, "0.123 ms"), (1234, "1.23 ms"), (12_345, "12.3 ms"), (1.2345e6, "1,234 ms")],
)
def test_milliseconds_have_three_digits(us: float, text: str) -> None:
    assert ms_text(us) == text
