"""The key lookup of the Python peers: a dictionary of hashes, as cheap as it gets."""

import hashlib
from pathlib import Path

# Of a client's fields these reach Triton, and of Triton's these reach the client.
PASSED_ON = ("content-type", "inference-header-content-length")


class KnownKeys:
    """Tokens that are let through, by their SHA-256."""

    def __init__(self, file: Path) -> None:
        lines = file.read_text().split()
        self._hashes = {hashlib.sha256(f"Bearer {token}".encode()).digest() for token in lines}

    def has(self, authorization: str) -> bool:
        return hashlib.sha256(authorization.encode()).digest() in self._hashes
