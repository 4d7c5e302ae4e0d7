"""What an option names: "name" or "name:ARGUMENT", as in `--prior vamp:500` or `--optimizer adamw:0.01`."""

from __future__ import annotations

import math
from typing import Any, ClassVar


class Named:
    """The base of all parts. A part with a `symbol` takes a number after the colon, which its constructor gets last."""

    symbol: ClassVar[str] = ""
    """The name of the number after the colon; empty if there is none."""
    default: ClassVar[Any] = 1.0
    """The default of that number. If it is an int, the number must be whole; if it is 0, the number may be 0."""
    name: str = ""
    """The full name as an option has it, with its argument; empty if it was not made by `make_part`."""

    @classmethod
    def parse(cls, text: str) -> Any:
        """Convert the text after the colon to the argument of the constructor: a positive number.

        Raises:
            ValueError: It is none. The error's text says what it must be.
        """
        whole = isinstance(cls.default, int)
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        allowed = math.isfinite(number) and (number > 0 or number == cls.default)
        if not allowed or (whole and not number.is_integer()):
            zero = "0 or " if cls.default == 0 else ""
            raise ValueError(f"{cls.symbol} must be {zero}a positive {'whole ' if whole else ''}number")
        return int(number) if whole else number
