"""Every error of the load tests; the text of each is one paragraph for a person.

LoadTestError
  OptionError           an option has a value that it cannot have
  TooFewSamplesError    a percentile was asked of fewer samples than it needs (histogram.py)
  MeasuringError        nothing could be measured
  FolderTakenError      the folder that a run was to be kept in is there already
  UnreadableRunError    what is kept of a run cannot be read
  MissingExtraError     a package is not installed
"""


class LoadTestError(Exception):
    """Base of all: what was wrong, the value, what to do next."""


class OptionError(LoadTestError):
    """An option has a value that it cannot have."""


class MeasuringError(LoadTestError):
    """Nothing could be measured: the target, the generator or a file is not as it must be."""


class FolderTakenError(LoadTestError):
    """The folder that a run was to be kept in is there already."""


class UnreadableRunError(LoadTestError):
    """What is kept of a run cannot be read: it is damaged, of a later version, or none at all."""


class MissingExtraError(LoadTestError):
    """A package that comes with an extra of Conch is not installed."""
