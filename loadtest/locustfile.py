"""Locust users that call one model through the gateway with binary tensors.

    CONCH_API_KEY=ck_… locust -f loadtest/locustfile.py --host http://127.0.0.1:8080 \\
        --model mnist_mlp --batch 1 --headless --users 32 --spawn-rate 32 --run-time 30s

A 429 is reported under its own name: the limit doing its work is not a failure of the server.
"""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from locust import FastHttpUser, events, task
from locust.env import Environment

from loadtest.bodies import infer_body

_BODIES = 16


def add_flags(parser: ArgumentParser) -> None:
    """Flags of this file, shown in Locust's `--help` and web form."""
    parser.add_argument("--model", default="mnist_mlp", help="Model to call.")
    parser.add_argument("--batch", type=int, default=1, help="Samples in one request.")


events.init_command_line_parser.add_listener(add_flags)


class InferUser(FastHttpUser):
    """Calls the model again as soon as it was answered (closed loop)."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        options: Any = environment.parsed_options
        self.key = {"Authorization": f"Bearer {os.environ.get('CONCH_API_KEY', '')}"}
        self.path = f"/v2/models/{options.model}"
        with self.client.get(self.path, headers=dict(self.key), name="metadata") as answer:
            if answer.status_code != 200:
                sys.exit(
                    f"{environment.host}{self.path} was answered {answer.status_code}: "
                    f"{answer.text or answer.error}. The key is read from CONCH_API_KEY."
                )
            metadata = answer.json()
        self.bodies = [infer_body(metadata, batch=options.batch, seed=n) for n in range(_BODIES)]
        self.sent = 0

    @task
    def infer(self) -> None:
        """One inference with the next of the prepared bodies."""
        body = self.bodies[self.sent % _BODIES]
        self.sent += 1
        # Locust declares text only, and sends bytes as they are.
        content: Any = body.content
        with self.client.post(
            f"{self.path}/infer",
            data=content,
            headers={**body.headers, **self.key},
            catch_response=True,
        ) as answer:
            if answer.status_code == 429:
                answer.request_meta["name"] = f"{self.path}/infer (429 over the limit)"
                answer.success()
