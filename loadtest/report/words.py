"""Figures as a person reads them."""

from collections.abc import Iterable


def ms(value: float | None) -> str:
    """Three digits that mean something: `0.84`, `12.3`, `1,240`; a dash where it is not known.

    >>> ms(0.8412), ms(12.34), ms(1240.2), ms(None)
    ('0.84', '12.3', '1,240', '–')
    """  # noqa: RUF002 - the dash that is shown
    if value is None:
        return "–"  # noqa: RUF001 - a dash, not a minus
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def per_second(value: float) -> str:
    """A rate: whole from a hundred on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def share(value: float) -> str:
    """A share in per cent; a small one is never written as nothing.

    >>> share(0.0), share(0.00004), share(0.012), share(0.5)
    ('0', '<0.01%', '1.20%', '50.0%')
    """
    if value == 0:
        return "0"
    if value < 0.0001:
        return "<0.01%"
    return f"{value:.2%}" if value < 0.1 else f"{value:.1%}"


def batch(value: float | None) -> str:
    """A mean batch: `7.1`; a dash where Triton was not read."""
    return "–" if value is None else f"{value:.1f}"  # noqa: RUF001 - a dash, not a minus


def number(value: float | str) -> str:
    """A figure of an answer: a text as it is, a number with what digits it needs."""
    return value if isinstance(value, str) else f"{value:,.4g}" if value < 1e4 else f"{value:,.0f}"


def gibibytes(size_bytes: int) -> str:
    """Memory: `23.5 GiB`."""
    return f"{size_bytes / 2**30:.1f} GiB"


def once(texts: Iterable[str]) -> list[str]:
    """Each text once, in its first order."""
    return list(dict.fromkeys(texts))
