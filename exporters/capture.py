"""Builds the declared module and asks it for the answers that every artefact must give."""

import hashlib
import inspect
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from exporters.arrays import Arrays
from exporters.calling import call, fault
from exporters.checkpoint import build_module
from exporters.errors import ExportError, SpecError
from exporters.samples import Batch, batches, example, read_samples
from exporters.spec import ModelSpec


@dataclass(frozen=True)
class Question:
    """Inputs of one run, with the eager model's answer in float32."""

    batch: Batch
    expected: Arrays


@dataclass(frozen=True)
class Captured:
    """The eager module, the example it is compiled with, and what it is proved on."""

    module: nn.Module
    example: tuple[Tensor, ...]
    questions: tuple[Question, ...]
    weights_sha256: str


def capture(spec: ModelSpec) -> Captured:
    """Refuses a model that breaks its own declaration, before time goes into compiling it."""
    module = build_module(spec).eval()
    _check_argument_order(spec, module)
    samples = read_samples(spec)
    inputs = example(spec, samples)
    questions = tuple(_ask(module, spec, batch) for batch in batches(spec, samples))
    for question in questions:
        _check_rows_apart(module, spec, question)
    return Captured(
        module=module,
        example=tuple(torch.from_numpy(inputs[tensor.name]) for tensor in spec.inputs),
        questions=questions,
        weights_sha256=_hash_weights(module),
    )


def _check_argument_order(spec: ModelSpec, module: nn.Module) -> None:
    """Inputs are passed by position here, but Triton passes those of TorchScript by name."""
    declared = [tensor.name for tensor in spec.inputs]
    arguments = list(inspect.signature(module.forward).parameters)
    named = [argument for argument in arguments if argument in declared]
    if len(named) == len(declared) and named != declared:
        raise SpecError(
            f"'{spec.name}' declares the inputs {', '.join(declared)}, but `forward` takes "
            f"{', '.join(named)}. Declare them in the order of `forward`."
        )


def _ask(module: nn.Module, spec: ModelSpec, batch: Batch) -> Question:
    try:
        expected = call(module, spec, batch.inputs)
    except ExportError:
        raise
    except Exception as error:  # whatever the author's code raises
        raise SpecError(
            f"'{spec.name}' fails at batch {batch.size} on {batch.data} inputs: {error}. Let "
            "`forward` take the batch size from its input's shape, or set max_batch_size=0."
        ) from error
    for output in spec.outputs:
        if found := fault(output, expected[output.name], batch=batch.size):
            raise SpecError(
                f"'{spec.name}' {found} on {batch.data} inputs. Correct the TensorSpec or the "
                "samples; with batching, the first dimension of every output is the batch."
            )
    return Question(batch, expected)


def _check_rows_apart(module: nn.Module, spec: ModelSpec, question: Question) -> None:
    """Triton puts requests of strangers into one batch: no row may depend on another."""
    last = question.batch.size - 1
    if last < 1:
        return
    alone = {name: array[last:] for name, array in question.batch.inputs.items()}
    answer = call(module, spec, alone)
    for output in spec.outputs:
        together = question.expected[output.name][last:].astype(np.float64)
        error = np.abs(answer[output.name].astype(np.float64) - together)
        limit = output.accepted.absolute + output.accepted.relative * np.abs(together)
        if (error > limit).any():
            raise SpecError(
                f"'{spec.name}' mixes the items of a batch: output '{output.name}' of one item is "
                f"off by {error.max():.3g} when it runs alone instead of in a batch of "
                f"{question.batch.size}. Triton batches requests of different clients, so let "
                "`forward` treat each item by itself, or set max_batch_size=0."
            )


def _hash_weights(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
