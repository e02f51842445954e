"""Settings of the `conch` command: the gateway's, plus where Triton and the models are."""

from pathlib import Path

from pydantic import Field, field_validator

from gateway.errors import ConfigurationError
from gateway.settings import GatewaySettings, environment_name

MIN_CACHE_BYTES = 1024 * 1024


class StackSettings(GatewaySettings):
    """Everything `conch up` can be told; each field is a flag and a `CONCH_` variable."""

    model_repository: Path = Field(
        Path("model_repository"), description="Model repository that Triton serves."
    )
    triton_server: Path | None = Field(
        None,
        description="tritonserver binary. Empty: /opt/tritonserver, else the wheel's own.",
    )
    triton_http_port: int = Field(8000, ge=1, le=65535, description="Triton's HTTP port.")
    triton_grpc_port: int = Field(8001, ge=1, le=65535, description="Triton's gRPC port.")
    triton_metrics_port: int = Field(8002, ge=1, le=65535, description="Triton's metrics port.")
    triton_cache_bytes: int = Field(
        64 * 1024 * 1024,
        ge=0,
        description="Size of Triton's response cache, at least 1 MiB; 0 turns it off.",
    )
    triton_load_timeout_s: float = Field(
        120.0, gt=0, description="Longest wait for Triton to be live with its models loaded."
    )
    triton_exit_timeout_s: int = Field(
        30, ge=1, description="How long a stopping Triton waits for requests in flight."
    )

    @field_validator("triton_cache_bytes")
    @classmethod
    def _cache_large_enough(cls, size_bytes: int) -> int:
        # With a smaller one Triton neither starts nor ends.
        if 0 < size_bytes < MIN_CACHE_BYTES:
            raise ValueError(f"must be 0 or at least {MIN_CACHE_BYTES}")
        return size_bytes

    @property
    def gateway_ports(self) -> dict[str, int]:
        """Ports of the gateway's two processes, by the variable that sets each."""
        return self._ports("port", "admin_port")

    @property
    def triton_ports(self) -> dict[str, int]:
        """Ports of the embedded Triton, by the variable that sets each."""
        return self._ports("triton_http_port", "triton_grpc_port", "triton_metrics_port")

    def _ports(self, *fields: str) -> dict[str, int]:
        return {environment_name(field): getattr(self, field) for field in fields}

    @property
    def triton_url(self) -> str:
        """Where Triton is: the setting if given, else the embedded server's port.

        Raises ConfigurationError where the setting names several.
        """
        urls = self.gateway_triton_urls
        if "," in urls:
            raise ConfigurationError(
                f"CONCH_TRITON_URLS names several Tritons, {urls}, and this command talks to one; "
                "give --triton-urls with the address of one."
            )
        return urls.rstrip("/")

    @property
    def gateway_triton_urls(self) -> str:
        """The Tritons that the gateway forwards to, as `triton_url`, or several of them."""
        if "triton_urls" in self.model_fields_set:
            return self.triton_urls
        return f"http://127.0.0.1:{self.triton_http_port}"
