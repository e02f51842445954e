"""Runs a finished file before it is published: what it returns, and whether rows stay apart.

There is no model to compare it with. What can be shown is that it runs at every batch and length
that it is to be served at, that its outputs have one dtype and shape, and that an item gets the
same answer alone as in a batch with others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from exporters.arrays import Array, Arrays
from exporters.capturing.calling import not_finite
from exporters.capturing.samples import Batch, Item, batches, timed_batches, uneven
from exporters.declaring.tensor_text import tensor_text
from exporters.errors import ProofError, SpecError
from exporters.manifest import ProofRow
from exporters.proving.differences import difference
from exporters.proving.proof_job import Job
from exporters.proving.proof_process import run_artefact
from exporters.proving.tolerances import with_tolerances
from exporters.spec import ANY, Axis, ModelSpec, TensorSpec
from exporters.tensors import TRITON_TYPES

ALONE = "alone against in a batch"


@dataclass(frozen=True)
class Trial:
    """What a file was seen to do."""

    outputs: tuple[TensorSpec, ...]
    rows: tuple[ProofRow, ...]
    latency_us: dict[str, float]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Run:
    """One batch, or one row of a batch by itself."""

    batch: Batch
    inputs: Arrays
    row: int | None = None


def try_out(
    spec: ModelSpec,
    samples: list[Item],
    artefact: Path,
    format_name: str,
    told: Mapping[str, TensorSpec],
    scratch: Path,
) -> Trial:
    """`told` are the outputs that someone has described, which must be right.

    Raises a `ProofError` for a file that fails, or whose answers depend on who shares a batch.
    """
    planned = list(batches(spec, samples))
    if (faint := uneven(planned)) is not None:
        planned.append(faint)
    runs = [run for batch in planned for run in _runs(batch)]
    # Once more after all others, for what they may have left behind.
    runs.append(_Run(planned[0], planned[0].inputs))
    timed = timed_batches(spec, samples)
    job = Job(
        format=format_name,
        artefact=artefact.resolve(),
        interface=spec.interface,
        questions=len(runs),
        timed=tuple(timed),
    )
    with TemporaryDirectory(prefix="trial-", dir=scratch) as directory:
        asked = [run.inputs for run in runs]
        answers, report = run_artefact(job, asked, timed, Path(directory))
    if report.error:
        failed = runs[len(answers)].batch if len(answers) < len(runs) else "the timed runs"
        raise ProofError(
            f"{artefact.name} of '{spec.name}' fails at {failed}: {report.error.rstrip('.')}. "
            "Nothing was published. Correct what was said about its inputs, their bounds and "
            "--max-batch-size, or give real inputs with --samples."
        )
    again = _changed(spec, format_name, answers[0], answers[-1])
    wholes = [
        (run.batch, answer) for run, answer in zip(runs, answers, strict=True) if run.row is None
    ]
    seen = tuple(_seen(spec, output, wholes) for output in spec.outputs)
    outputs, notes = _joined(spec, seen, told)
    measured = with_tolerances(replace_outputs(spec, outputs), "", [each for _, each in wholes])
    rows = _rows(measured, runs, answers)
    notes = [*notes, *again, *_not_finite(outputs, wholes)]
    return Trial(outputs, rows, report.latency_us, tuple(notes))


def _changed(spec: ModelSpec, format_name: str, first: Arrays, last: Arrays) -> list[str]:
    """ONNX keeps nothing between runs; without batches it may draw random numbers, and says so."""
    changed = [output.name for output in spec.outputs if not _alike(first, last, output)]
    if not changed:
        return []
    if format_name == "onnx" and not spec.batches:
        return [f"'{changed[0]}' is another one each time: the file draws random numbers"]
    raise ProofError(
        f"'{spec.name}' answers the same input with another '{changed[0]}' later: it keeps state "
        "between calls, or draws random numbers, as dropout does that was not switched off. What "
        "one client sends would change what another gets. Nothing was published. Save it again "
        "after `eval()`, with its state as an input and an output."
    )


def _alike(first: Arrays, last: Arrays, output: TensorSpec) -> bool:
    one, other = first[output.name], last[output.name]
    plain = TensorSpec(name=output.name, dtype=one.dtype.name, shape=())
    return one.shape == other.shape and difference(plain, one, other).accepted


def replace_outputs(spec: ModelSpec, outputs: tuple[TensorSpec, ...]) -> ModelSpec:
    return ModelSpec(**{**dict(spec), "outputs": outputs})


def _runs(batch: Batch) -> list[_Run]:
    runs = [_Run(batch, batch.inputs)]
    for row in sorted({0, batch.size - 1}) if batch.size > 1 else ():
        alone = {name: array[row : row + 1] for name, array in batch.inputs.items()}
        runs.append(_Run(replace(batch, size=1, inputs=alone), alone, row))
    return runs


def _seen(spec: ModelSpec, output: TensorSpec, runs: Sequence[tuple[Batch, Arrays]]) -> TensorSpec:
    """Dtype and shape of what came back; a dimension that follows an axis is that axis."""
    arrays = [(batch, answer[output.name]) for batch, answer in runs]
    shapes = []
    for batch, array in arrays:
        if batch.size and array.shape[:1] != (batch.size,):
            raise ProofError(
                f"'{spec.name}' returns '{output.name}' as {list(array.shape)} at {batch}: its "
                "first dimension is not the batch. Nothing was published. Leave out "
                "--max-batch-size (or write 0), and requests are not batched."
            )
        shapes.append((batch.lengths, array.shape[bool(batch.size) :]))
    _check_alike(spec, output, [array for _, array in arrays])
    rank = len(shapes[0][1])
    shape = tuple(
        _size(spec, [(lengths, sizes[place]) for lengths, sizes in shapes]) for place in range(rank)
    )
    return TensorSpec(name=output.name, dtype=arrays[0][1].dtype.name, shape=shape)


def _check_alike(spec: ModelSpec, output: TensorSpec, arrays: Sequence[Array]) -> None:
    types, ranks = {array.dtype.name for array in arrays}, {array.ndim for array in arrays}
    if len(types) > 1 or len(ranks) > 1 or not types <= TRITON_TYPES.keys():
        raise ProofError(
            f"'{spec.name}' returns '{output.name}' as {' or '.join(sorted(types))} with "
            f"{' or '.join(map(str, sorted(ranks)))} dimensions; an output has one dtype, of "
            f"{', '.join(TRITON_TYPES)}, and one number of dimensions. Nothing was published."
        )


def _size(spec: ModelSpec, sizes: Sequence[tuple[Mapping[str, int], int]]) -> int | Axis:
    values = {size for _, size in sizes}
    if len(values) == 1 and 0 not in values:
        return sizes[0][1]
    for axis in spec.axes:
        if all(size == lengths[axis.name] for lengths, size in sizes):
            return axis
    return ANY


def _joined(
    spec: ModelSpec, seen: Sequence[TensorSpec], told: Mapping[str, TensorSpec]
) -> tuple[tuple[TensorSpec, ...], list[str]]:
    """What came back, against what was told and what the file declares."""
    notes = []
    outputs = []
    for declared, found in zip(spec.outputs, seen, strict=True):
        if declared.name in told:
            if not _covers(told[declared.name], found):
                raise SpecError(
                    f"--output '{tensor_text(told[declared.name])}' is not what '{spec.name}' "
                    f"returns, which is '{tensor_text(found)}'. Nothing was published."
                )
            outputs.append(told[declared.name])
            continue
        if len(declared.shape) == len(found.shape):
            # What the file says may change was only not seen to.
            shape = tuple(
                ANY if wide == ANY and isinstance(now, int) else now
                for wide, now in zip(declared.shape, found.shape, strict=True)
            )
            fixed = any(
                isinstance(wide, int) and wide != ANY and wide != now
                for wide, now in zip(declared.shape, found.shape, strict=True)
            )
            found = found.model_copy(update={"shape": shape})
            if fixed:
                notes.append(
                    f"The file declares '{declared.name}' as {list(declared.dims)}, and returns "
                    f"{list(found.dims)}: the latter is published"
                )
        outputs.append(found)
    return tuple(outputs), notes


def _covers(told: TensorSpec, found: TensorSpec) -> bool:
    return (told.dtype, len(told.shape)) == (found.dtype, len(found.shape)) and all(
        wide in (ANY, now) for wide, now in zip(told.shape, found.shape, strict=True)
    )


def _rows(spec: ModelSpec, runs: Sequence[_Run], answers: Sequence[Arrays]) -> tuple[ProofRow, ...]:
    """One for every output of every row that was run alone."""
    rows = []
    together: Arrays = {}
    size = 0
    for run, answer in zip(runs, answers, strict=True):
        if run.row is None:
            together, size = answer, run.batch.size
            continue
        for output in spec.outputs:
            expected = together[output.name][run.row : run.row + 1]
            rows.append(_row(spec, output, run, size, answer[output.name], expected))
    return tuple(rows)


def _row(
    spec: ModelSpec, output: TensorSpec, run: _Run, size: int, alone: Array, expected: Array
) -> ProofRow:
    if alone.shape != expected.shape:
        raise ProofError(
            f"'{spec.name}' returns '{output.name}' as {list(alone.shape)} for an item alone, and "
            f"as {list(expected.shape)} in a batch of {size}. Nothing was published. Leave out "
            "--max-batch-size, and requests are not batched."
        )
    found = difference(output, alone, expected)
    if not found.accepted:
        raise ProofError(
            f"'{spec.name}' mixes the items of a batch: output '{output.name}' of one item is off "
            f"by {found.error:.3g} in a batch of {size}, where {found.limit:.3g} is allowed. "
            "Triton batches requests of different clients. Nothing was published. Leave out "
            "--max-batch-size (or write 0), and requests are not batched."
        )
    return ProofRow(
        output=output.name,
        batch=size,
        lengths=dict(run.batch.lengths),
        data=f"{run.batch.data}, {ALONE}",
        max_abs_error=found.max_abs_error,
        max_rel_error=found.max_rel_error,
        mismatch_share=found.mismatch_share,
        absolute_tolerance=output.accepted.absolute,
        relative_tolerance=output.accepted.relative,
    )


def _not_finite(outputs: Sequence[TensorSpec], runs: Sequence[tuple[Batch, Arrays]]) -> list[str]:
    notes = []
    for output in outputs:
        bad = [str(batch) for batch, answer in runs if not_finite(answer[output.name])]
        if bad:
            notes.append(
                f"'{output.name}' holds NaN or infinity in {len(bad)} runs, as at {bad[0]}"
            )
    return notes
