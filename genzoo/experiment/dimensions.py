"""What a search varies: options and where their values lie, as they are typed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genzoo.core.errors import UsageError
from genzoo.experiment.grid import name_and_values

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

RANGE = re.compile(r"(.+?)\.\.(.+?)(:log)?")
DASH = re.compile(r"(-?[\d.]+(?:e[+-]?\d+)?)-(-?[\d.]+(?:e[+-]?\d+)?)((?::log)?)")
"""Two numbers with "-" between them, which is a range of seeds only."""
HOW = "lr=1e-4..1e-2:log, --search latent-dim=2..32 or --search hidden=100|200|400"


@dataclass(frozen=True)
class Dimension:
    """An option and where its values lie: between two numbers, or one of several."""

    option: str
    """As it is typed, such as "--latent-dim"."""
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    """Whether only whole numbers count."""

    def distribution(self) -> BaseDistribution:
        """Return it as Optuna knows it."""
        from optuna import distributions

        if self.choices:
            return distributions.CategoricalDistribution(self.choices)
        if self.whole:
            return distributions.IntDistribution(int(self.low), int(self.high), log=self.log)
        return distributions.FloatDistribution(self.low, self.high, log=self.log)


def dimension(text: str) -> Dimension:
    """Return the dimension of a text such as "lr=1e-4..1e-2:log" or "hidden=100|200".

    Raises:
        UsageError: It is none.
    """
    name, values = name_and_values(text, "--search", HOW)
    found = RANGE.fullmatch(values[0]) if len(values) == 1 else None
    if not found:
        if len(values) == 1:
            ends = DASH.fullmatch(values[0])
            meant = f"{name.lstrip('-')}={ends[1]}..{ends[2]}{ends[3]}" if ends else HOW
            raise UsageError(f"--search {text}: one value is no search", f"write: --search {meant}")
        return Dimension(name, tuple(dict.fromkeys(values)))
    try:
        low, high = float(found[1]), float(found[2])
    except ValueError:
        raise UsageError(f"--search {text}: the ends of a range are numbers", f"write: --search {HOW}") from None
    if low > high:
        turned = f"{name.lstrip('-')}={found[2]}..{found[1]}{found[3] or ''}"
        raise UsageError(f"--search {text}: the smaller end comes first", f"write: --search {turned}")
    if not low < high or (found[3] and low <= 0):
        what = "a range by its logarithm begins above 0" if low < high else "the smaller end comes first"
        raise UsageError(f"--search {text}: {what}", f"write: --search {HOW}")
    whole = all(re.fullmatch(r"-?\d+", end) for end in found.group(1, 2))
    return Dimension(name, (), low, high, bool(found[3]), whole)
