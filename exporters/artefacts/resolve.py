"""Joins what a file says with what a person says about it; the rest is asked for by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exporters.artefacts.found import Dims, Draft, Found, axis_name
from exporters.declaring.tensor_text import tensor_text
from exporters.errors import SpecError
from exporters.tensors import ANY, Axis, Interface, TensorSpec


@dataclass(frozen=True)
class Answers:
    """What a person says about a file, by the names of its tensors and dimensions."""

    inputs: Mapping[str, TensorSpec] = field(default_factory=dict)
    outputs: Mapping[str, TensorSpec] = field(default_factory=dict)
    axes: Mapping[str, Axis] = field(default_factory=dict)
    max_batch_size: int | None = None


def asks(found: Found, answers: Answers | None = None) -> tuple[str, ...]:
    """What neither the file nor the answers say, as the flags that say it."""
    answers = answers or Answers()
    wanted = []
    for draft in found.inputs:
        if draft.name not in answers.inputs and not (draft.dtype and draft.dims is not None):
            wanted.append(f"--input '{draft.name}:{draft.dtype or 'float32'}[3,224,224]'")
    if answers.max_batch_size is None and _may_batch(found) and not _batch_bound(found):
        wanted.append("--max-batch-size 32")
    known = {axis_name(name) for name in found.bounds} | set(answers.axes)
    for draft in found.inputs:
        if draft.name not in answers.inputs:
            changing = [axis_name(size) for size in _changing(_item(found, answers, draft))]
            wanted += [f"--axis {name}=1..512" for name in changing if name not in known]
    return tuple(dict.fromkeys(wanted))


def resolve(found: Found, name: str, answers: Answers, command: str) -> Interface:
    """The whole interface; outputs that the file does not know are left out, to be measured.

    Raises a `SpecError` with the command to type for what nobody has said, and for answers that the
    file contradicts.
    """
    _check_known("--input", answers.inputs, (draft.name for draft in found.inputs))
    changing = [size for draft in found.inputs for size in _changing(draft.dims or ())]
    _check_known("--axis", answers.axes, map(axis_name, changing))
    missing = asks(found, answers)
    if missing:
        raise SpecError(
            f"{found.path} ({found.said}) does not say everything. Shapes are those of one item, "
            "without the batch, and a dimension that changes is written with its bounds, like "
            "length=1..512. Type, with the model's own values in place of these: "
            f"{command} {' '.join(missing)}"
        )
    sizes: dict[str, int | Axis] = {}
    inputs = tuple(_input(found, answers, draft, sizes) for draft in found.inputs)
    batch = _max_batch_size(found, answers)
    outputs = _outputs(found, answers, sizes)
    return Interface(name=name, inputs=inputs, outputs=outputs, max_batch_size=batch)


def batches(found: Found, answers: Answers) -> bool:
    return answers.max_batch_size != 0 and _may_batch(found)


def _may_batch(found: Found) -> bool:
    unknown = any(draft.dims is None for draft in found.inputs)
    return found.batch is not None or (unknown and found.fixed is None)


def _batch_bound(found: Found) -> int:
    return found.bounds.get(found.batch or "", (0, 0))[1]


def _max_batch_size(found: Found, answers: Answers) -> int:
    wanted = answers.max_batch_size
    if wanted and not _may_batch(found):
        draft = found.fixed
        why = (
            f"'{draft.name}' is {draft.dtype} {list(draft.dims or ())} in it, and with batches the "
            "first dimension of every input and output is one that changes"
            if draft
            else "its inputs begin with different dimensions"
        )
        raise SpecError(
            f"{found.path} takes no batches: {why}. Leave --max-batch-size out, or write the file "
            "again with a batch that changes."
        )
    least, bound = found.bounds.get(found.batch or "", (1, 0))
    if least > 1 and batches(found, answers):
        raise SpecError(
            f"{found.path} takes batches of {least} and more, and a request may come alone. Write "
            "it again for batches of 1, too: torch.export with Dim('batch', min=1, max=…), and "
            "AOTInductor with inductor_configs={'aot_inductor.check_lowerbound': False}."
        )
    if wanted and bound and wanted > bound:
        raise SpecError(f"{found.path} takes batches up to {bound}, not {wanted}.")
    if wanted is not None:
        return wanted
    return bound if _may_batch(found) else 0


def _item(found: Found, answers: Answers, draft: Draft) -> Dims:
    """The dimensions of one item."""
    dims = draft.dims or ()
    return dims[1:] if batches(found, answers) and found.batch is not None else dims


def _input(
    found: Found, answers: Answers, draft: Draft, sizes: dict[str, int | Axis]
) -> TensorSpec:
    dims = _item(found, answers, draft)
    given = answers.inputs.get(draft.name)
    if given is None:
        shape = tuple(_size(found, answers, size) for size in dims)
        given = TensorSpec(name=draft.name, dtype=draft.dtype, shape=shape)
    elif (draft.dtype and draft.dtype != given.dtype) or not _allowed(draft, dims, given):
        shown = ",".join(map(str, dims))
        raise SpecError(
            f"--input '{tensor_text(given)}' is not what {found.path} says: it has "
            f"{draft.name}:{draft.dtype or '?'}[{shown}] for one item."
        )
    if draft.dims is not None:
        sizes |= {
            size: own for size, own in zip(dims, given.shape, strict=True) if isinstance(size, str)
        }
    return given


def _allowed(draft: Draft, dims: Dims, given: TensorSpec) -> bool:
    if draft.dims is None:
        return True
    return len(dims) == len(given.shape) and all(
        isinstance(size, str) or size == own for size, own in zip(dims, given.shape, strict=True)
    )


def _size(found: Found, answers: Answers, size: int | str) -> int | Axis:
    if isinstance(size, int):
        return size
    name = axis_name(size)
    if name in answers.axes:
        return answers.axes[name]
    least, most = found.bounds[size]
    return Axis(name=name, min=least, max=most) if least < most else most


def _outputs(
    found: Found, answers: Answers, sizes: Mapping[str, int | Axis]
) -> tuple[TensorSpec, ...]:
    """Under the names that were given, else those of the file; unknown ones as any numbers."""
    by_position = found.format in ("torchscript", "aoti")
    if answers.outputs and by_position and len(answers.outputs) != len(found.outputs):
        raise SpecError(
            f"{found.path} returns {len(found.outputs)} tensors, and --output names "
            f"{len(answers.outputs)}. Name all of them, in their order, or none."
        )
    if by_position and answers.outputs:
        return tuple(answers.outputs.values())
    _check_known("--output", answers.outputs, (draft.name for draft in found.outputs))
    return tuple(
        answers.outputs.get(draft.name) or _output(found, answers, draft, sizes)
        for draft in found.outputs
    )


def _output(
    found: Found, answers: Answers, draft: Draft, sizes: Mapping[str, int | Axis]
) -> TensorSpec:
    shape = tuple(
        size if isinstance(size, int) else sizes.get(size, ANY)
        for size in _item(found, answers, draft)
    )
    return TensorSpec(name=draft.name, dtype=draft.dtype or "float32", shape=shape)


def _changing(dims: Dims) -> list[str]:
    return [size for size in dims if isinstance(size, str)]


def _check_known(flag: str, given: Iterable[str], known: Iterable[str]) -> None:
    names = list(dict.fromkeys(known))
    for name in given:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=2)
            hint = f"Close to it: {', '.join(close)}." if close else f"It has {', '.join(names)}."
            raise SpecError(f"{flag} names '{name}', which the file does not have. {hint}")
