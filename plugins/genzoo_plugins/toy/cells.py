"""Counts of genes in cells of three kinds, each sequenced at one of two depths, with their probability."""

from __future__ import annotations

import torch
from torch import Tensor

import genzoo
from genzoo.core.counts import NegativeBinomial
from genzoo_plugins.toy.base import Generated
from genzoo_plugins.toy.hmm import chosen

SHARES = (0.5, 0.3, 0.2)
"""Share of the cells of each kind."""
GENES = (
    (0.30, 0.30, 0.10, 0.10, 0.05, 0.05, 0.05, 0.05),
    (0.05, 0.05, 0.35, 0.25, 0.10, 0.10, 0.05, 0.05),
    (0.05, 0.05, 0.05, 0.05, 0.20, 0.20, 0.20, 0.20),
)
"""Share of each gene in the counts of a cell of each kind."""
DEPTHS = (20.0, 80.0)
"""Mean number of counts in a cell; both are equally frequent."""
FREEDOM = 4.0
"""r of the negative binomial: its variance is μ + μ²/r."""
MOST = 2000
"""No count is larger: one in 1e-60 would be."""


class Cells(Generated):
    """Counts of eight genes. p(x) = Σ p(kind) p(depth) Π_g NB(x_g; depth · share_g, r); the class is the kind."""

    name = "gene-counts"

    @genzoo.config
    class Config(Generated.Config):
        pass

    @property
    def spec(self) -> genzoo.DataSpec:
        return genzoo.DataSpec((len(GENES[0]),), "nb", classes=len(SHARES), size=self.config.train)

    def split(self, name: str, n: int) -> genzoo.Split:
        shares = torch.tensor(SHARES, dtype=torch.float64)
        kind = chosen(shares.expand(n, -1), self.uniform(name, "kind", n))
        deep = (self.uniform(name, "depth", n) < 0.5).long()
        levels = torch.arange(MOST, dtype=torch.float64)[:, None, None, None]
        below = counts(torch.device("cpu")).each(levels).exp().cumsum(0)  # [MOST, kinds, depths, genes]
        genes = range(len(GENES[0]))
        chances = torch.stack([self.uniform(name, f"gene {gene}", n) for gene in genes], 1)
        x = torch.empty(n, len(genes))
        for k in range(len(SHARES)):
            for d in range(len(DEPTHS)):
                rows = (kind == k) & (deep == d)
                table = below[:, k, d].T.contiguous()
                x[rows] = torch.searchsorted(table, chances[rows].T.contiguous()).T.float()
        return genzoo.Split(x, kind)

    def log_density(self, x: Tensor) -> Tensor:
        """Return ln p of counts [n, G] in nats, [n]."""
        each = counts(x.device).each(x.double()[:, None, None]).sum(-1)
        shares = torch.tensor(SHARES, dtype=torch.float64, device=x.device).log()
        log_p: Tensor = (each.logsumexp(2) - torch.log(torch.tensor(float(len(DEPTHS)))) + shares).logsumexp(1)
        return log_p


def counts(device: torch.device) -> NegativeBinomial:
    """Return the counts of each kind and depth, batch shape [kinds, depths]."""
    genes, depths = (torch.tensor(table, dtype=torch.float64, device=device).log() for table in (GENES, DEPTHS))
    log_mean = genes[:, None] + depths[:, None]
    return NegativeBinomial(log_mean, torch.full_like(log_mean, FREEDOM).log())
