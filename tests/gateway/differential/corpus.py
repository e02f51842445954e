"""All requests of the differential test, in the order in which they are sent."""

from tests.gateway.differential.broken_bodies import broken_body_cases
from tests.gateway.differential.case import Case
from tests.gateway.differential.encodings import encoding_cases
from tests.gateway.differential.faults import fault_cases
from tests.gateway.differential.generating import generate_cases
from tests.gateway.differential.mutations import mutation_cases
from tests.gateway.differential.operating import operating_cases
from tests.gateway.differential.reading import reading_cases, statistics_cases
from tests.gateway.differential.sequences import sequence_cases
from tests.gateway.differential.types import type_cases


def corpus() -> list[Case]:
    """The same list every time: what is random in it is seeded."""
    return [
        *reading_cases(),
        *type_cases(),
        *encoding_cases(),
        *fault_cases(),
        *broken_body_cases(),
        *mutation_cases(),
        *generate_cases(),
        *sequence_cases(),
        # After all inferences: batch sizes appear in them one by one. A load begins them anew.
        *statistics_cases(),
        *operating_cases(),
    ]
