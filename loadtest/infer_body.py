"""A request of `infer` as it is sent."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InferBody:
    """A request body in Triton's binary form; `header_bytes` is the length of its JSON part."""

    content: bytes
    header_bytes: int

    @property
    def headers(self) -> dict[str, str]:
        """Headers the body needs. `identity` keeps Triton from compressing float tensors."""
        return {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(self.header_bytes),
            "Accept-Encoding": "identity",
        }
