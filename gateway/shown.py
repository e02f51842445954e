"""Values as messages show them: as they were written, and no longer than a line or two."""

MAX_SHOWN = 120


def shown(value: object) -> str:
    """`"'a b'"`; of a long value the beginning."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
