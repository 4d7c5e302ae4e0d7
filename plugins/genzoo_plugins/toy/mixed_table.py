"""A table of numbers and names in three groups, with its density in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

import genzoo
from genzoo_plugins.toy.base import Generated
from genzoo_plugins.toy.hmm import chosen

SHARES = (0.5, 0.3, 0.2)
"""Share of the rows in each group."""
MEANS = ((25.0, 20.0), (45.0, 60.0), (70.0, 30.0))
"""Means of age and income (columns) in each group."""
SPREADS = ((4.0, 5.0), (8.0, 12.0), (6.0, 6.0))
"""Standard deviations of age and income in each group."""
WORK = ((0.6, 0.35, 0.04, 0.01), (0.1, 0.1, 0.75, 0.05), (0.02, 0.03, 0.1, 0.85))
"""Probabilities of the four kinds of work in each group."""
OWNER = (0.1, 0.6, 0.85)
"""Probability of owning a home in each group."""


class MixedTable(Generated):
    """Rows (age, income, work, owner): two numbers, one of four names and one of two, given the group independent.

    p(x) = Σ_g p(g) Π_c p(x_c|g) is a density of the numbers and a probability of the names: it integrates over the
    former and sums over the latter to 1.
    """

    name = "mixed-table"

    @genzoo.config
    class Config(Generated.Config):
        pass

    @property
    def spec(self) -> genzoo.DataSpec:
        parts = (
            genzoo.Part("age"),
            genzoo.Part("income"),
            genzoo.Part("work", levels=len(WORK[0])),
            genzoo.Part("owner", levels=2),
        )
        return genzoo.DataSpec((len(parts),), "gaussian-learned", size=self.config.train, parts=parts)

    def split(self, name: str, n: int) -> genzoo.Split:
        shares, means, spreads, work, owner = tables(torch.device("cpu"))
        group = chosen(shares.expand(n, -1), self.uniform(name, "group", n))
        numbers = means[group] + spreads[group] * self.normal(name, "numbers", n)
        each = (("work", work), ("owner", owner))
        names = [chosen(table[group], self.uniform(name, what, n)) for what, table in each]
        return genzoo.Split(torch.cat([numbers, torch.stack(names, 1)], 1).float())

    def log_density(self, x: Tensor) -> Tensor:
        """Return ln p of rows [n, 4] in nats, [n]; −∞ for a name that there is not."""
        shares, means, spreads, work, owner = tables(x.device)
        x = x.double()
        numbers = torch.distributions.Normal(means, spreads).log_prob(x[:, None, :2]).sum(2)
        names = [shown(table, x[:, place]) for place, table in ((2, work), (3, owner))]
        log_p: Tensor = (shares.log() + numbers + names[0] + names[1]).logsumexp(1)
        return log_p


def tables(device: torch.device) -> list[Tensor]:
    """Return the numbers of the groups: shares, means, spreads, and the probabilities of the names of both columns."""
    owner = tuple((1 - p, p) for p in OWNER)
    return [torch.tensor(table, dtype=torch.float64, device=device) for table in (SHARES, MEANS, SPREADS, WORK, owner)]


def shown(table: Tensor, value: Tensor) -> Tensor:
    """Return ln p of names [n] in each group, [n, groups], for probabilities [groups, names]."""
    there = (value == value.round()) & (value >= 0) & (value < table.shape[1])
    index = torch.where(there, value, 0).long()
    return table.log().T[index].masked_fill(~there[:, None], -torch.inf)
