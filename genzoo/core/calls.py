"""Calls of public functions whose arguments do not fit: one line that says how to write the call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from genzoo.core.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def written(example: str) -> Callable[[F], F]:
    """Return a decorator of a public function that refuses arguments which do not fit its signature.

    Args:
        example: How the function is called, such as "genzoo.run(MODEL, DATASET)".
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            try:
                inspect.signature(function).bind(*args, **kwargs)
            except TypeError as error:
                raise UsageError(f"genzoo.{function.__name__}: {error}", f"write: {example}") from None
            return function(*args, **kwargs)

        return cast(F, checked)

    return decorate
