"""Everything that exporting refuses.

ExportError
├── SpecError            the declaration is wrong, or does not fit the model
├── UnknownFormatError   no such export format
├── CompileError         the format's compiler cannot take the model
├── ProofError           the saved artefact is not the model
│   └── ToleranceError   an output differs by more than its limit
├── HostError            this machine lacks what the format needs
├── PublishError         the repository could not be changed
├── DataError            training data or weights are missing or unusable
└── MissingExtraError    an optional dependency is not installed
"""


class ExportError(Exception):
    """Base of them all: its text is one paragraph meant for the person who exports."""


class SpecError(ExportError):
    """The declaration is wrong, or does not fit the model."""


class UnknownFormatError(ExportError):
    """No file in `exporters/formats/` has this name."""


class CompileError(ExportError):
    """The format's compiler cannot take the model."""


class ProofError(ExportError):
    """The saved artefact does not compute what the model computes."""


class ToleranceError(ProofError):
    """An output of the artefact differs from the model's by more than its limit."""

    def __init__(
        self, *, output: str, batch: int, error: float, limit: float, run: str, cure: str
    ) -> None:
        super().__init__(
            f"Output '{output}' is off by {error:.3g} at {run}, where {limit:.3g} is allowed. "
            f"Nothing was published. {cure}"
        )
        self.output = output
        self.batch = batch
        self.error = error
        self.limit = limit


class HostError(ExportError):
    """This machine lacks what the format needs to compile, or to run what it compiled."""


class PublishError(ExportError):
    """The repository could not be changed; it holds what it held."""


class DataError(ExportError):
    """Training data or committed weights are missing or unusable."""


class MissingExtraError(ExportError):
    """An optional dependency is not installed."""

    def __init__(self, *, module: str, extra: str) -> None:
        super().__init__(f"'{module}' is not installed. Run: pip install \"conch[{extra}]\"")
