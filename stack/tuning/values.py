"""The values that are tuned, and how they are written for a person."""

from dataclasses import dataclass

AUTO = 0
"""Of threads: each instance gets its share of the cores."""


@dataclass(frozen=True)
class Values:
    """How a model is served; nothing of it changes what the model computes."""

    instances: int
    queue_delay_us: int | None
    """How long a request waits for others to share its batch; None: nothing is batched."""
    max_batch: int
    """0: the model takes no batches."""
    preferred_batch: int
    """0: none."""
    threads: int

    def __str__(self) -> str:
        return ", ".join(f"{name} {text}" for name, text in self.texts().items())

    def texts(self) -> dict[str, str]:
        """Each value by its heading, as a table shows it."""
        delay = self.queue_delay_us
        return {
            "instances": str(self.instances),
            "queue delay": "no batching" if delay is None else f"{delay} µs",
            "max batch": str(self.max_batch),
            "preferred batch": str(self.preferred_batch or "none"),
            "threads": str(self.threads or "auto"),
        }
