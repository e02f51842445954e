"""The export report: one HTML file with its pictures inside, to keep or to send."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from string import Template

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from exporters.manifest import HISTOGRAM_EDGES, Manifest, ProofRow, Tried

_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Conch export: $title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child, td:last-child, th:last-child { text-align: left; }
img { max-width: 100%; } code { overflow-wrap: anywhere; }
</style>
$models
</html>
""")
_MODEL = Template("""<h1>$name</h1>
<p>$summary</p>
<h2>What was tried</h2>
$tried
<h2>Time of a run</h2>
$latency
<h2>Errors against the eager model in float32</h2>
$errors
$proof
<h2>Where it comes from</h2>
$origin
""")


def html_report(manifests: Sequence[Manifest]) -> str:
    """A page without links to anything outside of it."""
    return _PAGE.substitute(
        title=escape(", ".join(manifest.model for manifest in manifests)),
        models="\n".join(map(_model, manifests)),
    )


def _model(manifest: Manifest) -> str:
    return _MODEL.substitute(
        name=escape(manifest.model),
        summary=escape(
            f"{manifest.format}, {manifest.precision}, {manifest.size_bytes:,} bytes, "
            f"largest batch {manifest.max_batch_size}. "
            + (manifest.unproven or f"Proven by {len(manifest.proof)} comparisons. ")
            + manifest.cost_in_accuracy.capitalize()
        ),
        tried=_tried_table(manifest.tried),
        latency=_picture(_latency_plot(manifest.tried), "Time of a run over the batch size"),
        errors=_picture(_error_plot(manifest.error_histogram), "How often each error occurred"),
        proof=_proof_table(manifest.proof),
        origin=_origin_table(manifest),
    )


def _tried_table(tried: Sequence[Tried]) -> str:
    sizes = _batch_sizes(tried)
    head = ["Format", "Precision", "Bytes", "Worst error", *(f"µs, batch {s}" for s in sizes)]
    rows = [
        [
            row.format,
            row.precision,
            f"{row.size_bytes:,}" if row.size_bytes else "",
            "" if row.worst_error is None else f"{row.worst_error:.1e}",
            *(f"{row.latency_us[size]:,.0f}" if size in row.latency_us else "" for size in sizes),
            row.verdict,
        ]
        for row in tried
    ]
    return _table([*head, "Verdict"], rows)


def _proof_table(proof: Sequence[ProofRow]) -> str:
    head = ["Output", "Batch", "Inputs", "Max error", "Max relative", "Allowed"]
    rows = [
        [
            row.output,
            str(row.batch),
            row.data,
            f"{row.max_abs_error:.1e}",
            f"{row.max_rel_error:.1e}",
            f"{row.absolute_tolerance:g} + {row.relative_tolerance:g} · |value|",
        ]
        for row in proof
    ]
    return _table(head, rows)


def _origin_table(manifest: Manifest) -> str:
    facts = {
        "declared in": manifest.source,
        "commit": manifest.git_commit,
        "weights": manifest.weights_sha256,
        **{file.path: f"sha256 {file.sha256}" for file in manifest.files},
        **manifest.versions,
        **manifest.host,
        "note": " ".join(manifest.notes),
        "bytes vary": manifest.varies,
    }
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td><code>{escape(value)}</code></td></tr>"
        for name, value in facts.items()
        if value
    )
    return f"<table>{rows}</table>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def _latency_plot(tried: Sequence[Tried]) -> Figure:
    figure, axes = _figure("batch", "µs per run")
    for row in tried:
        points = sorted((int(size), value) for size, value in row.latency_us.items())
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=f"{row.format} {row.precision}")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    return figure


def _error_plot(histogram: Mapping[str, Sequence[int]]) -> Figure:
    figure, axes = _figure("absolute error", "values")
    names = ["equal", *(f"< {edge:.0e}" for edge in HISTOGRAM_EDGES[2:-1]), "larger"]
    width = 0.8 / max(1, len(histogram))
    for place, (output, counts) in enumerate(histogram.items()):
        axes.bar([i + place * width for i in range(len(counts))], counts, width, label=output)
    axes.set_xticks(range(len(names)), names, rotation=60)
    axes.set_yscale("symlog")
    if histogram:
        axes.legend()
    return figure


def _figure(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)
    return figure, axes


def _picture(figure: Figure, description: str) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{escape(description)}" src="data:image/png;base64,{data}">'


def _batch_sizes(tried: Sequence[Tried]) -> list[str]:
    return sorted({size for row in tried for size in row.latency_us}, key=int)
