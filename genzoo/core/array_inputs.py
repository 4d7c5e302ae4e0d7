"""Methods of models that take arrays beside tensors, and one example without a batch axis."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from genzoo.core.late import late

INPUTS = {
    **dict.fromkeys(("encode", "reconstruct", "codes", "log_prob"), "example_input"),
    "decode": "code_input",
}
"""The methods that users call with arrays, and what converts these in `genzoo.data.model_input`."""


def take_arrays(cls: type) -> None:
    """Let the methods of a class of models that users call with data take arrays too.

    Only methods of the interfaces are meant: a plugin may give such a name to another one.
    """
    interfaces = [base for base in cls.__mro__ if base.__module__ == "genzoo.core.model"]
    for name, convert in INPUTS.items():
        method: Any = getattr(cls, name, None)
        if any(name in vars(base) for base in interfaces) and not hasattr(method, "takes_arrays"):
            setattr(cls, name, takes_arrays(method, convert))


def takes_arrays(method: Callable[..., Any], convert: str) -> Callable[..., Any]:
    """Return a method of models that also takes arrays, and one example without a batch axis.

    A batch of tensors is passed on as it is, with its gradient; anything else is converted, without one.
    """

    @functools.wraps(method)
    def converting(self: Any, x: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(x, Tensor) and (torch.compiler.is_compiling() or is_batch(self, x, convert)):
            return method(self, x, *arguments, **named)
        tensor = late(f"genzoo.data.model_input:{convert}")(self, x)
        with torch.set_grad_enabled(isinstance(x, Tensor) and torch.is_grad_enabled()):
            return method(self, tensor, *arguments, **named)

    converting.takes_arrays = True  # type: ignore[attr-defined]  # a subclass that inherits it wraps it no more
    return converting


def is_batch(model: Any, x: Tensor, convert: str) -> bool:
    """Return whether a tensor is passed on: codes, whose shape no model states, and as many values as examples have."""
    if convert == "code_input" or not x.ndim:
        return True
    right = x.shape != model.spec.shape and x.shape[1:].numel() == model.spec.numel
    return right and (model.spec.is_discrete or x.is_floating_point())
