"""What the Python peers do beside forwarding, as nginx and Conch do: each as cheap as is usual.

A key looked up in a dictionary, a token bucket, a counter and a histogram of prometheus_client, and
a line of JSON in a buffered access log.
"""

import hashlib
import io
import json
import time
from pathlib import Path

from prometheus_client import Counter, Histogram

# Of a client's fields these reach Triton, and of Triton's these reach the client.
PASSED_ON = ("content-type", "inference-header-content-length")
# Never reached, yet counted for each request.
_RATE = _BURST = 1_000_000.0
_BUFFER_BYTES = 64 * 1024


class Duties:
    """For tokens that stand in a file; the log is written into the working directory."""

    def __init__(self, key_file: Path) -> None:
        lines = key_file.read_text().split()
        self._left = {
            hashlib.sha256(f"Bearer {token}".encode()).digest(): (_BURST, 0.0) for token in lines
        }
        self._requests = Counter("peer_requests", "Requests.", ["model", "status"])
        self._latency = Histogram("peer_request_duration_seconds", "Latency.", ["model"])
        self._log = io.BufferedWriter(io.FileIO("access.log", "w"), _BUFFER_BYTES)

    def admit(self, authorization: str) -> bool:
        """Whether the key is known and its bucket not empty; takes one request from it."""
        key = hashlib.sha256(authorization.encode()).digest()
        bucket = self._left.get(key)
        if bucket is None:
            return False
        now_s = time.monotonic()
        left = min(_BURST, bucket[0] + (now_s - bucket[1]) * _RATE)
        self._left[key] = (left - 1, now_s)
        return left >= 1

    def done(self, model: str, status: int, began_s: float) -> None:
        """Count and log a request that was answered."""
        seconds = time.monotonic() - began_s
        self._requests.labels(model, str(status)).inc()
        self._latency.labels(model).observe(seconds)
        line = {"time": time.time(), "model": model, "status": status, "duration_s": seconds}
        self._log.write(json.dumps(line).encode() + b"\n")
