"""Names for the values that go into a model and come out of it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Arrays = Mapping[str, Array]
# Runs a saved artefact: named inputs to named outputs, with the batch dimension.
Runner = Callable[[Arrays], Arrays]
