"""The few calls that supervision makes to Triton's HTTP port."""

from typing import Any
from urllib.parse import quote

import httpx2

from stack.errors import NoAnswerError, RefusedError

_CALL_TIMEOUT_S = 5.0


class TritonClient:
    """Calls one server on loopback; a server that cannot be reached is a NoAnswerError."""

    def __init__(self, url: str) -> None:
        # trust_env=False: a proxy of the environment is not meant for the loopback. No
        # connection is kept: a stopping Triton waits for idle ones too.
        self._http = httpx2.AsyncClient(
            base_url=url,
            timeout=_CALL_TIMEOUT_S,
            trust_env=False,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def live(self) -> bool:
        """Whether Triton answers; False also while nothing listens."""
        try:
            answer = await self._http.get("/v2/health/live")
        except httpx2.TransportError:
            return False
        return answer.status_code == 200

    async def index(self) -> list[dict[str, Any]]:
        """The repository index: name, version, state and reason of every model."""
        answer: list[dict[str, Any]] = await self._call("POST", "/v2/repository/index")
        return answer

    async def ready_versions(self, model: str) -> list[int]:
        """The versions of a model that answer, also where its folder is gone by now."""
        # The repository index has only what is in the repository.
        try:
            metadata = await self._call("GET", f"/v2/models/{quote(model)}")
        except RefusedError:
            return []
        return sorted(map(int, metadata["versions"]))

    async def config(self, model: str) -> dict[str, Any]:
        """The configuration of a loaded model as Triton completed it."""
        answer: dict[str, Any] = await self._call("GET", f"/v2/models/{quote(model)}/config")
        return answer

    async def load_afresh(self, model: str, *, timeout_s: float) -> None:
        """Load a loaded model again, although nothing about it changed.

        A load of an unchanged model does nothing, so it is unloaded first; then what the
        repository holds now is read, configuration and version together.
        """
        await self.unload(model, timeout_s=timeout_s)
        await self.load(model, timeout_s=timeout_s)

    async def load(self, model: str, *, timeout_s: float, config: str | None = None) -> None:
        """Load a model; RefusedError with Triton's reason if it cannot be.

        `config`, a ModelConfig as JSON, takes the place of the model's configuration file.
        """
        path = f"/v2/repository/models/{quote(model)}/load"
        body = {"parameters": {"config": config}} if config is not None else None
        await self._call("POST", path, body=body, timeout_s=timeout_s)

    async def unload(self, model: str, *, timeout_s: float) -> None:
        """Unload a model; requests in flight are still answered."""
        path = f"/v2/repository/models/{quote(model)}/unload"
        await self._call("POST", path, timeout_s=timeout_s)

    async def ready(self, model: str, version: int) -> bool:
        """Whether this version of a model answers requests."""
        path = f"/v2/models/{quote(model)}/versions/{version}/ready"
        try:
            await self._call("GET", path)
        except RefusedError:
            return False
        return True

    async def _call(
        self, method: str, path: str, *, body: object = None, timeout_s: float = _CALL_TIMEOUT_S
    ) -> Any:
        try:
            answer = await self._http.request(method, path, json=body, timeout=timeout_s)
        except httpx2.TransportError as error:
            raise NoAnswerError(f"Triton does not answer {method} {path}: {error!r}") from error
        if answer.status_code != 200:
            raise RefusedError(
                f"Triton answered {answer.status_code} to {method} {path}: {answer.text}",
                reason=_reason(answer),
            )
        return answer.json() if answer.content else None


def _reason(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return answer.text
