"""Locust's own users, for comparison: `python -m loadtest.speed` starts this, once for each.

python -m loadtest.speed_peers json|fast URL USERS SECONDS     prints requests a second
"""

import sys
import time
from typing import Any

import gevent
from locust import FastHttpUser, HttpUser, User, task
from locust.env import Environment

from loadtest.bodies import infer_body
from loadtest.infer_body import InferBody
from loadtest.tensors import random_values

PATH = "/v2/models/image/infer"
SHAPE = (1, 3, 224, 224)


class JsonUser(HttpUser):
    """As the first example of most load tests: the tensor as a list, encoded for each request."""

    body: dict[str, object]

    @task
    def infer(self) -> None:
        self.client.post(PATH, json=self.body)


class PreparedUser(FastHttpUser):
    """Locust's quickest client, with a binary body that was made once."""

    body: InferBody

    @task
    def infer(self) -> None:
        # Locust declares text only, and sends bytes as they are.
        content: Any = self.body.content
        self.client.post(PATH, data=content, headers=self.body.headers)


def main() -> None:
    """Run one of the two, and print its requests a second."""
    kind, url, users, seconds = sys.argv[1:]
    environment = Environment(user_classes=[_user(kind)], host=url)
    runner = environment.create_local_runner()
    runner.start(int(users), spawn_rate=int(users))
    while runner.user_count < int(users):
        gevent.sleep(0.01)
    before, started_at = environment.stats.total.num_requests, time.monotonic()
    gevent.sleep(float(seconds))
    done = environment.stats.total.num_requests - before
    per_second = done / (time.monotonic() - started_at)
    if environment.stats.total.num_failures:
        sys.exit(f"{environment.stats.total.num_failures} requests failed.")
    runner.quit()
    print(per_second)


def _user(kind: str) -> type[User]:
    if kind == "json":
        import numpy as np

        values = random_values("FP32", SHAPE, np.random.default_rng(0))
        tensor = {"name": "x", "shape": SHAPE, "datatype": "FP32", "data": values.ravel().tolist()}
        JsonUser.body = {"inputs": [tensor]}
        return JsonUser
    metadata = {"inputs": [{"name": "x", "datatype": "FP32", "shape": list(SHAPE)}]}
    PreparedUser.body = infer_body(metadata, batch=1, seed=0)
    return PreparedUser


if __name__ == "__main__":
    main()
