"""Settings of the `conch` command: the gateway's, plus where Triton and the models are."""

from pathlib import Path

from pydantic import Field

from gateway.settings import GatewaySettings


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
        64 * 1024 * 1024, ge=0, description="Size of Triton's response cache; 0 turns it off."
    )
    triton_load_timeout_s: float = Field(
        120.0, gt=0, description="Longest wait for Triton to be live with its models loaded."
    )
    triton_exit_timeout_s: int = Field(
        30, ge=1, description="How long a stopping Triton waits for requests in flight."
    )

    @property
    def triton_url(self) -> str:
        """Where Triton is: the setting if given, else the embedded server's port."""
        if "triton_urls" in self.model_fields_set:
            return self.triton_urls.split(",")[0].rstrip("/")
        return f"http://127.0.0.1:{self.triton_http_port}"
