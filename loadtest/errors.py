"""Every error of the load tests; the text of each is one paragraph for a person.

LoadTestError
  OptionError           an option has a value that it cannot have
  TooFewSamplesError    a percentile was asked of fewer samples than it needs (histogram.py)
  MeasuringError        nothing could be measured
"""


class LoadTestError(Exception):
    """Base of all: what was wrong, the value, what to do next."""


class OptionError(LoadTestError):
    """An option has a value that it cannot have."""


class MeasuringError(LoadTestError):
    """Nothing could be measured: the target, the generator or a file is not as it must be."""
