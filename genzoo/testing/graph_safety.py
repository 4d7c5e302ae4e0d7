"""Check without a GPU whether a training step can be compiled and captured as a whole.

A captured step replays the same operators on new contents of the same memory. So it may not read a value back to the
host and may not depend on Python state: a replay repeats whatever Python decided at the capture.
"""

from __future__ import annotations

import itertools
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch._dynamo as dynamo
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from genzoo.core.dataset import Batch
from genzoo.core.noise import seeded
from genzoo.testing.check import require
from genzoo.testing.pair import phase_terms
from genzoo.training.objective import Objective
from genzoo.training.phases import trained_by

# fmt: off
HOST_READS = frozenset([
    "_local_scalar_dense", "item", "is_nonzero", "nonzero", "equal", "allclose", "masked_select", "bincount",
    "_unique2", "unique_dim", "unique_consecutive", "unique_dim_consecutive",
])
# fmt: on
INDEXING = frozenset(["index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put"])
LARGEST_CONSTANT = 1024
"""Largest number of elements of a constant made from Python numbers that is compared by value."""


def assert_graph_safe(objective: Objective, batches: Sequence[Batch], steps: Sequence[int]) -> None:
    """Require that each phase and `after_step` run the same operators for every batch and step, and read nothing back.

    Args:
        objective: Model and loss.
        batches: Batches of one size with very different values, such as zeros and noise.
        steps: Very different steps, such as 0 and 10,000.

    Raises:
        AssertionError: The message has the line that reads back, the operator that differs or the Python value that
            changed.
    """
    _record(objective, batches[0], steps[0])  # creates everything that is created on first use
    before = _python_state(objective)
    runs = [
        (f"batch {number}, step {step:,}", _record(objective, batch, step))
        for (number, batch), step in itertools.product(enumerate(batches), steps)
    ]
    (first_name, first), *others = runs
    for fault in itertools.chain.from_iterable(tape.faults for _, tape in runs):
        raise AssertionError(f"not graph-safe: {fault}")
    for name, tape in others:
        difference = _first_difference(first.operators, tape.operators)
        if difference:
            raise AssertionError(f"not graph-safe: {first_name} and {name} differ {difference}")
    after = _python_state(objective)
    changed = [f"{name}: {before.get(name)} → {value}" for name, value in after.items() if before.get(name) != value]
    if changed:
        raise AssertionError(f"not graph-safe: a forward pass changes Python state, {'; '.join(changed)}")


def assert_fullgraph(objective: Objective, batch: Batch, steps: Sequence[int] = (0, 1, 10_000)) -> None:
    """Require that `torch.compile` compiles each phase once, as one graph, with eager values and gradients.

    Raises:
        AssertionError: It does not compile, compiles more than once, or a value or gradient differs.
    """
    for phase, parameters in enumerate(trained_by(objective)):
        _assert_fullgraph(objective, batch, steps, phase, parameters)


def _assert_fullgraph(
    objective: Objective, batch: Batch, steps: Sequence[int], phase: int, parameters: dict[str, nn.Parameter]
) -> None:
    """Require it of one phase, which trains these parameters."""
    graphs = []
    aot_eager = dynamo.lookup_backend("aot_eager")

    def count(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        graphs.append(graph)
        return aot_eager(graph, inputs)

    dynamo.reset()
    compiled = torch.compile(objective, fullgraph=True, backend=count)
    weights, term = list(parameters.values()), objective.loss.phases[phase].term
    try:
        for step in steps:
            eager = phase_terms(objective, batch, phase, step)
            gradients = torch.autograd.grad(eager[term], weights, allow_unused=True)
            terms, traced = _compiled_step(compiled, batch, phase, step, term, weights)
            found = dict(zip((*terms, *parameters), (*terms.values(), *traced), strict=True))
            for name, value in zip((*eager, *parameters), (*eager.values(), *gradients), strict=True):
                torch.testing.assert_close(found[name], value, msg=f"{name}: {{}}".format)
    finally:
        dynamo.reset()
    require(len(graphs) == 1, f"compiled {len(graphs)} times for steps {', '.join(map(str, steps))}")


def _compiled_step(
    compiled: Any, batch: Batch, phase: int, step: int, term: str, weights: Sequence[nn.Parameter]
) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
    """Run a phase of a compiled objective; return its terms and the gradients of the one that it minimises.

    Warnings of the compiler, such as about an early release of Python, are not the model's fault and are ignored. The
    model's own warnings were raised in the eager run.

    Raises:
        AssertionError: The compiler refuses it. Which exception that is differs from one version of torch to the next.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            terms = phase_terms(compiled, batch, phase, step)
        return terms, torch.autograd.grad(terms[term], weights, allow_unused=True)
    except Exception as error:
        raise AssertionError(f"not one graph: {' '.join(str(error).split())[:400]}") from None


class OperatorTape(TorchDispatchMode):
    """Record every operator with its shapes, dtypes and Python arguments."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operators: list[str] = []
        self.faults: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in HOST_READS:
            self.faults.append(f"{_where()} reads a value back to the host (aten.{name})")
        elif name in INDEXING and any(_is_mask(index) for index in args[1]):
            self.faults.append(f"{_where()} indexes with a boolean mask (aten.{name}); use torch.where")
        elif name == "_to_copy" and args[0].device.type != "cpu" and str((kwargs or {}).get("device")) == "cpu":
            self.faults.append(f"{_where()} copies a tensor to the host (aten.{name})")
        constant = name == "lift_fresh" and args[0].numel() <= LARGEST_CONSTANT and args[0].device.type == "cpu"
        result = func(*args, **(kwargs or {}))
        value = f" = {args[0].tolist()}" if constant else ""
        self.operators.append(f"{func}({_described(args)}, {_described(kwargs or {})}) → {_described(result)}{value}")
        return result


def _record(objective: Objective, batch: Batch, step: int) -> OperatorTape:
    """Record forward and backward of each phase, and `after_step`, from the same seed each time."""
    trained, loss = trained_by(objective), objective.loss
    steps = torch.full((), step, dtype=torch.int64, device=batch.x.device)
    tape = OperatorTape()
    with seeded(0), tape:
        for phase, parameters in enumerate(trained):
            term = objective(batch, steps, phase)[loss.phases[phase].term]
            torch.autograd.grad(term, list(parameters.values()), allow_unused=True)
        with torch.no_grad():
            loss.after_step(objective.model, batch, steps)
    return tape


def _is_mask(index: Any) -> bool:
    return isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8)


def _described(value: Any) -> str:
    """Describe an argument without the contents of its tensors."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(_described, value))})"
    if isinstance(value, dict):
        return f"({', '.join(f'{name}={_described(item)}' for name, item in value.items())})"
    if isinstance(value, torch.Generator):
        return "generator"
    return repr(value)


def _where() -> str:
    """Return the line of the model or the loss that is running."""
    ours, library = str(Path(__file__)), str(Path(torch.__file__).parent)
    for frame in reversed(traceback.extract_stack()):
        if frame.filename == ours and frame.name == _record.__name__:
            break
        if frame.filename != ours and not frame.filename.startswith((library, "<")):
            return f"{Path(frame.filename).name}:{frame.lineno} `{frame.line}`"
    return "the backward pass"


def _first_difference(one: list[str], other: list[str]) -> str:
    """Describe the first operator that differs; "" if none does."""
    for number, (left, right) in enumerate(itertools.zip_longest(one, other, fillvalue="nothing")):
        if left != right:
            return f"at operator {number}: {left} / {right}"
    return ""


def _python_state(module: nn.Module) -> dict[str, Any]:
    """Return the numbers and texts that modules hold as attributes."""
    return {
        f"{name}.{attribute}": value
        for name, part in module.named_modules()
        for attribute, value in vars(part).items()
        if isinstance(value, (bool, int, float, str))
    }
