"""Writes the dashboards of Grafana from the few lines that tell them apart.

    python deploy/grafana/make_dashboards.py      writes dashboards/*.json anew

A test fails where they differ from what this file says, and runs every query on a Prometheus that
reads a running stack.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "dashboards"
WIDTH, PER_ROW, HEIGHT = 24, 3, 8
_SOURCE = {"type": "prometheus", "uid": "prometheus"}
# Grafana's own: four scrapes at least, so that a rate always has two points.
RATE = "[$__rate_interval]"
FAILED = '{status=~"5.."}'


@dataclass(frozen=True)
class Panel:
    """A graph; each query with the legend of its lines."""

    title: str
    text: str
    queries: dict[str, str]
    unit: str = "short"
    most: float | None = None
    is_stacked: bool = False


@dataclass(frozen=True)
class Dashboard:
    """A page of graphs, `NAME.json`."""

    name: str
    title: str
    panels: list[Panel] = field(default_factory=list)


def rate(metric: str, by: str = "", where: str = "") -> str:
    """`rate("x_total", "model")` -> the sum of what is counted in a second, by model."""
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (rate({metric}{where}{RATE}))"


def percentiles(histogram: str, by: str = "") -> dict[str, str]:
    """Three percentiles of a histogram, by their legends."""
    labels = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return {
        f"{legend}p{q * 100:g}": f"histogram_quantile({q:g}, "
        f"sum by ({labels}) (rate({histogram}_bucket{RATE})))"
        for q in (0.5, 0.95, 0.99)
    }


def per_request(metric: str) -> str:
    """Seconds of Triton's counter in microseconds that a successful request took on average."""
    return f"{rate(metric, 'model')} / {rate('nv_inference_request_success', 'model')} / 1e6"


def _of_tenants(title: str, text: str, metric: str, unit: str) -> Panel:
    return Panel(title, text, {"{{tenant}}": rate(f"conch_tenant_{metric}_total", "tenant")}, unit)


CLIENTS = Dashboard(
    "clients",
    "Conch: clients",
    [
        _of_tenants("Requests", "Requests that count as used.", "requests", "reqps"),
        _of_tenants("Refused", "Refused by a quota, with 429.", "refused", "reqps"),
        _of_tenants("Errors", "Failed on the server's side.", "errors", "reqps"),
        _of_tenants("Samples", "Batch elements computed.", "samples", "ops"),
        _of_tenants("Bytes", "Bodies of requests and answers.", "bytes", "Bps"),
        _of_tenants("Compute", "Seconds of Triton in a second.", "compute_seconds", "none"),
        Panel(
            "Budget left",
            "Of its day or month; at 0 its requests are refused until that ends.",
            {"{{tenant}} {{limit}}": "min by (tenant, limit) (conch_budget_left_ratio)"},
            "percentunit",
            most=1,
        ),
        Panel(
            "Decisions of the limiter",
            "Of requests that have limits.",
            {"{{outcome}}": rate("conch_limiter_decisions_total", "outcome")},
            "reqps",
            is_stacked=True,
        ),
        Panel(
            "Requests in 24 hours",
            "For bills take `conch usage`: counts of a process that was killed are missing here.",
            {"{{tenant}}": "sum by (tenant) (increase(conch_tenant_requests_total[24h]))"},
        ),
    ],
)

MODELS = Dashboard(
    "models",
    "Conch: models",
    [
        Panel(
            "Requests",
            "As the gateway answered them.",
            {"{{model}}": rate("conch_requests_total", "model")},
            "reqps",
        ),
        Panel(
            "Failed share",
            "Answers of 500 and above.",
            {
                "{{model}}": f"({rate('conch_requests_total', 'model', FAILED)} "
                f"or 0 * {rate('conch_requests_total', 'model')}) "
                f"/ {rate('conch_requests_total', 'model')}"
            },
            "percentunit",
            most=1,
        ),
        Panel(
            "Latency",
            "From a request's head to the end of its answer, at the gateway.",
            percentiles("conch_request_duration_seconds", "model"),
            "s",
        ),
        Panel(
            "Where the time goes in Triton",
            "Mean of a successful request.",
            {
                "{{model}} queue": per_request("nv_inference_queue_duration_us"),
                "{{model}} input": per_request("nv_inference_compute_input_duration_us"),
                "{{model}} infer": per_request("nv_inference_compute_infer_duration_us"),
                "{{model}} output": per_request("nv_inference_compute_output_duration_us"),
            },
            "s",
            is_stacked=True,
        ),
        Panel(
            "Mean batch",
            "Samples that were computed at once.",
            {
                "{{model}}": f"{rate('nv_inference_count', 'model')} "
                f"/ {rate('nv_inference_exec_count', 'model')}"
            },
        ),
        Panel(
            "Waiting",
            "Requests in Triton's queue.",
            {"{{model}}": "sum by (model) (nv_inference_pending_request_count)"},
        ),
        Panel(
            "Failed in Triton",
            "By Triton's own reason.",
            {"{{model}} {{reason}}": rate("nv_inference_request_failure", "model, reason")},
            "reqps",
        ),
        Panel(
            "Streams that told an error",
            "Their status was 200.",
            {"streams": f"{rate('conch_stream_errors_total')} or vector(0)"},
            "reqps",
        ),
        Panel(
            "Answers out of the cache",
            "Of models that have one.",
            {
                "{{model}}": f"{rate('nv_cache_num_hits_per_model', 'model')} "
                f"/ ({rate('nv_cache_num_hits_per_model', 'model')} "
                f"+ {rate('nv_cache_num_misses_per_model', 'model')})"
            },
            "percentunit",
            most=1,
        ),
    ],
)

GATEWAY = Dashboard(
    "gateway",
    "Conch: gateway",
    [
        Panel(
            "Requests by status",
            "499: the client left.",
            {"{{status}}": rate("conch_requests_total", "status")},
            "reqps",
            is_stacked=True,
        ),
        Panel(
            "Outside the objectives",
            "Objectives: 0.1 % failed, 1 % slower than 250 ms.",
            {
                "failed": "conch:requests_failed:share_5m or vector(0)",
                "slow": "conch:requests_slow:share_5m",
            },
            "percentunit",
        ),
        Panel("Latency", "All requests.", percentiles("conch_request_duration_seconds"), "s"),
        Panel(
            "The gateway's own part",
            "Of requests that went to Triton the time that was not Triton's; a client that is "
            "slow to send its body counts.",
            percentiles("conch_gateway_overhead_seconds"),
            "s",
        ),
        Panel("In flight", "Requests.", {"requests": "sum(conch_requests_in_flight)"}),
        Panel(
            "Limiter",
            "0 exact, 1 by shares as the store is away, 2 refuses.",
            {"mode": "max(conch_limiter_mode)", "leases": "sum(conch_quota_leases)"},
        ),
        Panel(
            "Tritons in use",
            "0: left out by some worker. A lone Triton is not probed, and always counts as up.",
            {"{{triton}}": "min by (triton) (conch_triton_up)"},
            most=1,
        ),
        Panel(
            "Requests at each Triton",
            "With those that wait for a connection.",
            {"{{triton}}": "sum by (triton) (conch_triton_in_flight)"},
        ),
        Panel(
            "Connections to each Triton",
            "Kept ones too.",
            {"{{triton}}": "sum by (triton) (conch_triton_connections)"},
        ),
        Panel(
            "Left out",
            "Times that a worker left a Triton out, in an hour.",
            {"{{triton}}": "sum by (triton) (increase(conch_triton_ejections_total[1h]))"},
        ),
        Panel(
            "Sent to another Triton",
            "By what had happened; or not sent.",
            {"{{outcome}}": rate("conch_triton_retries_total", "outcome")},
            "reqps",
        ),
        Panel(
            "Sent to a second Triton as well",
            "With hedging, as the first was slow: by who had the answer; or not sent.",
            {"{{outcome}}": rate("conch_triton_hedges_total", "outcome")},
            "reqps",
        ),
        Panel(
            "Certificate",
            "Time until it ends.",
            {"ends in": "min(conch_tls_certificate_expiry_timestamp_seconds) - time()"},
            "s",
        ),
    ],
)


def _of_triton(title: str, text: str, query: str, unit: str = "short") -> Panel:
    return Panel(title, text, {"{{instance}}": query}, unit)


TRITON = Dashboard(
    "triton",
    "Conch: Triton",
    [
        _of_triton("Answers metrics", "1: yes.", 'up{job="triton"}'),
        _of_triton(
            "Requests",
            "Answered with success.",
            rate("nv_inference_request_success", "instance"),
            "reqps",
        ),
        _of_triton(
            "Failed", "Of any reason.", rate("nv_inference_request_failure", "instance"), "reqps"
        ),
        _of_triton("Executions", "Batches.", rate("nv_inference_exec_count", "instance"), "ops"),
        _of_triton(
            "Waiting",
            "Requests in all queues.",
            "sum by (instance) (nv_inference_pending_request_count)",
        ),
        _of_triton(
            "Wait in the queue",
            "Mean of a request.",
            f"{rate('nv_inference_queue_duration_us', 'instance')} "
            f"/ {rate('nv_inference_request_success', 'instance')} / 1e6",
            "s",
        ),
        _of_triton("Processor", "Of the machine.", "nv_cpu_utilization", "percentunit"),
        _of_triton("Memory", "In use on the machine.", "nv_cpu_memory_used_bytes", "bytes"),
        _of_triton(
            "Pinned memory", "In use of the pool.", "nv_pinned_memory_pool_used_bytes", "bytes"
        ),
        Panel(
            "GPU",
            "Share of time in use.",
            {"{{gpu_uuid}}": "nv_gpu_utilization"},
            "percentunit",
            most=1,
        ),
        Panel(
            "GPU memory",
            "Share in use.",
            {"{{gpu_uuid}}": "nv_gpu_memory_used_bytes / nv_gpu_memory_total_bytes"},
            "percentunit",
            most=1,
        ),
        Panel("GPU power", "", {"{{gpu_uuid}}": "nv_gpu_power_usage"}, "watt"),
    ],
)

DASHBOARDS = (CLIENTS, MODELS, GATEWAY, TRITON)


def dashboard_text(dashboard: Dashboard) -> str:
    """The file as Grafana reads it."""
    content = {
        "uid": f"conch-{dashboard.name}",
        "title": dashboard.title,
        "tags": ["conch"],
        "schemaVersion": 41,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [{"type": "dashboards", "title": "Conch", "tags": ["conch"], "keepTime": True}],
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }
    return json.dumps(content, indent=2) + "\n"


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    width = WIDTH // PER_ROW
    row, column = divmod(number, PER_ROW)
    custom = {"fillOpacity": 10, "stacking": {"mode": "normal" if panel.is_stacked else "none"}}
    bounds = {} if panel.most is None else {"max": panel.most}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.text,
        "datasource": _SOURCE,
        "gridPos": {"x": column * width, "y": row * HEIGHT, "w": width, "h": HEIGHT},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": custom} | bounds,
            "overrides": [],
        },
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": query,
                "legendFormat": legend,
            }
            for index, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.name}.json").write_text(dashboard_text(dashboard))


if __name__ == "__main__":
    main()
