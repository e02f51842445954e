"""What is wrong with a run, and what it says, in sentences, the same in every form of report."""

from loadtest.report.words import number, once
from loadtest.results import Run


def reasons(run: Run) -> list[str]:
    """Why figures must not be trusted: of the run, then of its steps with their labels."""
    return once(
        [*run.invalid, *(f"{s.label}: {reason}" for s in run.steps for reason in s.invalid)]
    )


def notes(run: Run) -> list[str]:
    """What could not be seen; said once where it holds for every step."""
    told = []
    for note in once(note for step in run.steps for note in step.notes):
        labels = [step.label for step in run.steps if note in step.notes]
        told.append(note if len(labels) == len(run.steps) else f"{', '.join(labels)}: {note}")
    return told


def answers(run: Run) -> list[tuple[str, str]]:
    """What the plan was asked: name and figure."""
    return [(name.replace("_", " "), number(value)) for name, value in run.answer.items()]
