"""Every error of the `conch` command; the text of each is one paragraph for a person.

StackError
  UsageError               a flag or a setting has a value that it cannot have
  StateDirectoryError      the state directory cannot be used
  AlreadyRunningError      another stack runs on the same state directory
  PreflightError           this machine cannot run the embedded Triton as it is
  ProcessError             a child process could not be started or ended at once
  TritonError
    ServerNotFoundError    no tritonserver binary
    StartError             Triton was not live in time, or could not be started at all
      EndedError           Triton ended by itself while it started or loaded a model
    RefusedError           Triton answered a call with an error
    DeploymentError        a version could not be put into service
    StubError              the process that runs a model cannot start; Triton would wait for ever
  RecordsError             the database of the keys cannot be used
  ClientError              a command's own call to the stack failed
    NotAnsweringError      nothing answers at its address
  FirstStartError          what the first start has to make could not be made
  TrialError               a trial of the stack did not succeed
  TuningError              a model could not be tuned; what serves it is as it was
"""


class StackError(Exception):
    """Base of all: what was wrong, the value, what to do next."""


class UsageError(StackError):
    """A flag or a setting has a value that it cannot have; exit code 2."""


class StateDirectoryError(StackError):
    """The state directory cannot be used."""


class AlreadyRunningError(StackError):
    """Another stack runs on the same state directory."""


class PreflightError(StackError):
    """This machine cannot run the embedded Triton as it is."""


class ProcessError(StackError):
    """A child process could not be started, or ended at once."""


class TritonError(StackError):
    """The embedded Triton cannot serve."""


class ServerNotFoundError(TritonError):
    """No tritonserver binary was found."""


class StartError(TritonError):
    """Triton was not live in time, or could not be started at all."""


class EndedError(StartError):
    """Triton ended by itself while it started or loaded a model."""


class StubError(TritonError):
    """The process that runs a model cannot start; Triton itself would wait for it for ever."""


class NoAnswerError(TritonError):
    """Triton could not be reached, or did not answer a call in time."""


class RefusedError(TritonError):
    """Triton answered a call with an error; `reason` is its own words."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class DeploymentError(TritonError):
    """A version could not be put into service; what served before still does."""


class RecordsError(StackError):
    """The database of the keys cannot be used."""


class ClientError(StackError):
    """A command's own call to the stack failed."""


class NotAnsweringError(ClientError):
    """Nothing answers at the address that a command calls."""


class FirstStartError(StackError):
    """What the first start has to make could not be made."""


class TrialError(StackError):
    """A trial of the stack did not succeed."""


class TuningError(StackError):
    """A model could not be tuned; what serves it is as it was."""
