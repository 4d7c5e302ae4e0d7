"""Models on the "meta" device: the shapes and types of their weights, without values and without torch's compiler."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

ARITHMETIC = {"add", "radd", "sub", "rsub", "mul", "rmul", "mod", "remainder", "floordiv", "div", "truediv"}
COMPARISONS = {"gt", "ge", "lt", "le", "eq", "ne"}
ALONE = {
    *("exp", "log", "sqrt", "square", "neg", "sign", "abs", "clamp", "normalize", "tril", "triu"),
    *("relu", "elu", "gelu", "silu", "leaky_relu", "tanh", "sigmoid", "softplus", "softmax", "log_softmax"),
}
"""Operations of one tensor of floating-point numbers, which they keep the shape and the type of."""


@contextmanager
def on_meta() -> Iterator[None]:
    """Within the context, new tensors are on the "meta" device, and most operations only find out a shape."""
    with warnings.catch_warnings(), torch.device("meta"), Shapes():
        warnings.filterwarnings("ignore", ".*is a no-op", UserWarning)  # loading weights does nothing here
        yield


class Shapes(TorchFunctionMode):
    """Answers the usual operations of tensors without values by the shapes and types of these.

    torch itself does so in Python, with functions whose first call imports its compiler, in 1.8 s of CPU time.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        found = answer(func.__name__, [*args, *(kwargs or {}).values()])
        return func(*args, **(kwargs or {})) if found is None else found


def answer(name: str, inputs: Sequence[Any]) -> Tensor | None:
    """Return what an operation makes of its inputs; None if torch is to answer."""
    plain = name.strip("_")
    if plain not in {"normal", "linear", *ARITHMETIC, *COMPARISONS, *ALONE}:
        return None
    tensors = [one for one in inputs if isinstance(one, Tensor)]
    if not tensors or not all(one.is_meta for one in tensors):
        return None
    if not all(isinstance(one, (Tensor, int, float, type(None))) for one in inputs):
        return None
    if name.endswith("_") and not name.startswith("_"):  # in place
        return tensors[0]
    if plain in ALONE:
        return torch.empty_like(tensors[0]) if len(tensors) == 1 and tensors[0].is_floating_point() else None
    if plain == "linear" and tensors[0].shape[-1] == tensors[1].shape[-1]:
        return torch.empty(*tensors[0].shape[:-1], len(tensors[1]), dtype=tensors[0].dtype)
    if plain == "linear" or len(inputs) != 2:
        return None
    dtype = torch.bool if plain in COMPARISONS else torch.result_type(*inputs)
    if plain in {"div", "truediv"} and not dtype.is_floating_point:
        dtype = torch.get_default_dtype()
    return torch.empty(torch.broadcast_shapes(*(one.shape for one in tensors)), dtype=dtype)
