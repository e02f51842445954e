"""Keys and limits survive that every process of the gateway is killed; on both databases."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.gateway.processes import GatewayProcess, free_port


class _Gateway:
    """A worker and an admin plane on the same records, before no Triton."""

    def __init__(self, state_dir: Path, database_url: str) -> None:
        self.port, self.admin_port = free_port(), free_port()
        self._settings = {
            "CONCH_PORT": str(self.port),
            "CONCH_ADMIN_PORT": str(self.admin_port),
            "CONCH_STATE_DIR": str(state_dir),
            "CONCH_DATABASE_URL": database_url,
            "CONCH_TRITON_URLS": "http://127.0.0.1:1",
        }

    @contextmanager
    def running(self) -> Iterator[httpx2.Client]:
        """A client of the admin API; both processes are killed in the end."""
        processes = []
        try:
            for module, port in (
                ("gateway.worker", self.port),
                ("gateway.admin", self.admin_port),
            ):
                processes.append(GatewayProcess(module, self._settings))
                processes[-1].start()
                processes[-1].wait_until_listening(port)
            base_url = f"http://127.0.0.1:{self.admin_port}"
            with httpx2.Client(base_url=base_url, trust_env=False) as client:
                yield client
        finally:
            for process in processes:
                process.stop(signal.SIGKILL)

    def status(self, key: str) -> int:
        """503 for a key that is let in."""
        headers = {"Authorization": f"Bearer {key}"}
        url = f"http://127.0.0.1:{self.port}/v2"
        return httpx2.get(url, headers=headers, trust_env=False).status_code


def test_keys_and_limits_survive(database_url: str, tmp_path: Path) -> None:
    gateway = _Gateway(tmp_path, database_url)
    with gateway.running() as client:
        key = client.post("/v1/keys", json={"tenant": "acme", "rate": "5/s"}).json()
        gone = client.post("/v1/keys", json={"tenant": "acme"}).json()
        client.post(f"/v1/keys/{gone['id']}/revoke")
        limit = client.post("/v1/limits", json={"tenant": "acme", "budget": "9/day"}).json()
        assert gateway.status(key["key"]) == 503
    with gateway.running() as client:
        assert [gateway.status(it["key"]) for it in (key, gone)] == [503, 401]
        assert client.get("/v1/limits").json()["items"] == [limit]
        assert client.get(f"/v1/keys/{key['id']}").json()["rate"] == "5/s"
        assert client.get("/v1/tenants/acme").json()["keys"] == 2
        # The tenant, two keys, the revocation, and the limit.
        assert len(client.get("/v1/audit").json()["items"]) == 5
