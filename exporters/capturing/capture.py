"""Builds the declared module and asks it for the answers that every artefact must give."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from exporters.arrays import Array, Arrays
from exporters.capturing.calling import call, check_arguments, fault, named_results, not_finite
from exporters.capturing.evaluation import evaluate
from exporters.capturing.lengths import longest_proved
from exporters.capturing.samples import (
    REAL,
    Batch,
    Item,
    batches,
    example,
    lengths_seen,
    read_samples,
    uneven,
)
from exporters.capturing.stateless import check_stateless, check_unchanged
from exporters.capturing.unpacked import unpacked
from exporters.declaring.arguments import arguments
from exporters.declaring.checkpoint import build_module
from exporters.errors import ExportError, SpecError
from exporters.proving.differences import difference
from exporters.proving.tolerances import with_tolerances
from exporters.spec import ModelSpec, TensorSpec

REDRAWS = 16


@dataclass(frozen=True)
class Question:
    """Inputs of one run, with the eager model's answer in float32."""

    batch: Batch
    expected: Arrays


@dataclass(frozen=True)
class Captured:
    """The eager module, the example it is compiled with, and what it is proved on."""

    module: nn.Module
    """In evaluation mode; returns a tensor or a tuple of them in declared order."""

    example: tuple[Tensor, ...]
    questions: tuple[Question, ...]
    samples: tuple[Item, ...]
    weights_sha256: str
    notes: tuple[str, ...]
    """Sentences for the person who exports: what was changed, and what is not proved."""

    @property
    def answers(self) -> list[Arrays]:
        return [question.expected for question in self.questions]


def capture(spec: ModelSpec) -> Captured:
    """Refuses a model that breaks its own declaration, before time goes into compiling it."""
    module = build_module(spec)
    _check_filled(spec, module)
    module.cpu()
    notes = evaluate(module, name=spec.name)
    check_arguments(module, spec)
    _check_argument_order(spec, module)
    samples = read_samples(spec)
    weights_sha256 = _hash_weights(module)
    questions = _questions(module, spec, samples)
    inputs = example(spec, samples)
    tensors = tuple(torch.from_numpy(inputs[tensor.name]) for tensor in spec.inputs)
    return Captured(
        module=_returning_tensors(module, spec, tensors),
        example=tensors,
        questions=questions,
        samples=tuple(samples),
        weights_sha256=weights_sha256,
        notes=(*notes, *_unproved_lengths(spec, samples)),
    )


def _check_filled(spec: ModelSpec, module: nn.Module) -> None:
    for name, tensor in chain(module.named_parameters(), module.named_buffers()):
        if is_lazy(tensor) or tensor.is_meta:
            raise SpecError(
                f"'{spec.name}' has no values for '{name}' yet. Let `build` load the trained "
                "weights, and call a module with lazy layers once, before it returns the module."
            )


def _check_argument_order(spec: ModelSpec, module: nn.Module) -> None:
    """Inputs are passed by position here, but Triton passes those of TorchScript by name."""
    declared = [tensor.name for tensor in spec.inputs]
    taken = [parameter.name for parameter in arguments(module)]
    if set(declared) <= set(taken) and taken[: len(declared)] != declared:
        raise SpecError(
            f"'{spec.name}' declares the inputs {', '.join(declared)}, but `forward` takes "
            f"{', '.join(taken)}. They are passed by position: declare them in the order of "
            "`forward`, and wrap the model in a module that fills in what stands between them."
        )


def _questions(module: nn.Module, spec: ModelSpec, samples: list[Item]) -> tuple[Question, ...]:
    asked = batches(spec, samples)
    first = _ask(module, spec, next(asked))
    # Before all else: what is not the same twice looks like every other fault, too.
    check_stateless(spec, module, lambda: call(module, spec, first.batch.inputs))
    questions = (first, *(_ask_for_numbers(module, spec, batch) for batch in asked))
    spec = with_tolerances(spec, "", [question.expected for question in questions])
    for question in questions:
        _check_rows_apart(module, spec, question)
    # Of the eager model only: how exact an artefact is on faint inputs is not asked here.
    if (batch := uneven(question.batch for question in questions)) is not None:
        _check_rows_apart(module, spec, _ask(module, spec, batch))
    check_unchanged(spec, first.expected, lambda: call(module, spec, first.batch.inputs))
    return questions


def _ask_for_numbers(module: nn.Module, spec: ModelSpec, batch: Batch) -> Question:
    """Random values can mean nothing, as a mask that hides all: then others are drawn."""
    question = _ask(module, spec, batch)
    for _ in range(REDRAWS):
        if not any(not_finite(values) for values in question.expected.values()):
            break
        if (redrawn := question.batch.redrawn()) is None:
            break
        question = _ask(module, spec, redrawn)
    return question


def _ask(module: nn.Module, spec: ModelSpec, batch: Batch) -> Question:
    try:
        expected = call(module, spec, batch.inputs)
    except ExportError:
        raise
    except Exception as error:  # whatever the author's code raises
        raise SpecError(
            f"'{spec.name}' fails at {batch}: {_first_line(error)}. {_cure(batch, str(error))}"
        ) from error
    for output in spec.outputs:
        if found := fault(output, expected[output.name], batch):
            raise SpecError(
                f"'{spec.name}' {found}. Correct the TensorSpec or the samples; with batching, "
                "the first dimension of every output is the batch, so reshape in `forward` what "
                "mixes it with another one, or set max_batch_size=0."
            )
        if batch.data == REAL and (bad := not_finite(expected[output.name])):
            raise SpecError(
                f"'{spec.name}' returns {bad} values of '{output.name}' that are NaN or infinite "
                f"at {batch}. Check the weights and the preprocessing of the samples: an artefact "
                "cannot be more right than the model."
            )
    return Question(batch, expected)


def _cure(batch: Batch, said: str) -> str:
    if "dtype" in said:
        return "Correct the dtype of an input in its TensorSpec, and that of the samples."
    if batch.randoms and not batch.further:
        return (
            "It answers real inputs of these sizes: the values are drawn from the range that the "
            "samples span, and a client can send them, too. Let `forward` clamp what it cannot "
            "take."
        )
    if batch.further:
        return (
            f"Every length that axis '{batch.further}' declares must work: narrow its bounds, "
            "let `forward` pad, or declare a plain number."
        )
    return "Let `forward` take the batch size from its input's shape, or set max_batch_size=0."


def _check_rows_apart(module: nn.Module, spec: ModelSpec, question: Question) -> None:
    """Triton puts requests of strangers into one batch: no row may depend on another."""
    size = question.batch.size
    if size < 2:
        return
    for row in (0, size - 1):
        alone = {name: array[row : row + 1] for name, array in question.batch.inputs.items()}
        answer = _ask(module, spec, replace(question.batch, size=1, inputs=alone)).expected
        for output in spec.outputs:
            together = question.expected[output.name][row : row + 1]
            if found := _difference_alone(output, together, answer):
                raise SpecError(
                    f"'{spec.name}' mixes the items of a batch: output '{output.name}' of one item "
                    f"{found} when it runs alone instead of in a batch of {size}. Triton batches "
                    "requests of different clients, so let `forward` treat each item by itself, or "
                    "set max_batch_size=0."
                )


def _difference_alone(output: TensorSpec, together: Array, answer: Arrays) -> str | None:
    alone = answer[output.name]
    if alone.shape != together.shape:
        return f"has the shape {list(alone.shape[1:])} instead of {list(together.shape[1:])}"
    found = difference(output, together, alone)
    return None if found.accepted else f"is off by {found.error:.3g}"


def _returning_tensors(
    module: nn.Module, spec: ModelSpec, tensors: tuple[Tensor, ...]
) -> nn.Module:
    with torch.no_grad():
        returned = module(*(tensor.clone() for tensor in tensors))
    return module if named_results(returned) is None else unpacked(module, spec.interface)


def _unproved_lengths(spec: ModelSpec, samples: list[Item]) -> Iterator[str]:
    seen = lengths_seen(spec, samples)
    for axis in spec.axes:
        longest = longest_proved(spec, axis, seen)
        if longest < axis.max:
            yield (
                f"Axis '{axis.name}' was proved up to {longest:,} of {axis.max:,}; a sample that "
                "is longer has the proof go further."
            )


def _hash_weights(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        if not isinstance(tensor, Tensor):  # what `get_extra_state` returns
            continue
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        plain = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8)
        digest.update(plain.numpy().tobytes())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0] or type(error).__name__
    return text.rstrip(".")
