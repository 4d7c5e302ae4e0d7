"""Theory of masked diffusion: three tokens, all of whose values and hidden places can be listed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.diffusion.mdlm import MDLM

LENGTH, LEVELS = 3, 3
SPEC = genzoo.DataSpec((LENGTH,), "", kind="tokens", levels=LEVELS)
EVERY = torch.tensor(list(itertools.product(range(LEVELS), repeat=LENGTH)))
"""All sequences, [27, 3]."""
DRAWS = 20_000


class Known(MDLM):
    """The true conditionals of a distribution over all sequences."""

    table: Tensor
    """p of each of `EVERY`, [27]."""

    def logits(self, x: Tensor, hidden: Tensor) -> Tensor:
        agrees = ((x[:, None] == EVERY) | hidden[:, None]).all(2) * self.table  # [B, 27]
        of_symbols = torch.nn.functional.one_hot(EVERY, LEVELS).to(self.table)
        return torch.einsum("bn,nlv->blv", agrees, of_symbols).log()


@torch.no_grad()
def mdlm() -> Iterator[Case]:
    """With the true conditionals the bound is ln p of each sequence; else it is below. Samples restored one by one have
    the distribution p."""
    p = torch.rand(len(EVERY), dtype=torch.float64).square() + 0.01
    p[(EVERY[:, 0] == 0) | (EVERY[:, 1] == 0)] = 0  # what follows the padding is padding
    p /= p.sum()
    entropy = -torch.special.xlogy(p, p).sum().item()
    model = Known(SPEC, Known.Config(width=4, depth=1, heads=1)).eval()
    model.table = p
    possible = p > 0
    x, own = EVERY[possible], p[possible]
    yield Case("largest |bound − ln p(x)|, nats", (listed(model, x) - own.log()).abs().max().item(), 0, 1e-9)
    of_draws = model.log_prob(x[torch.multinomial(own, DRAWS, replacement=True)])
    yield Case.mean("−E bound by drawn places, nats", -of_draws, entropy, errors=4.0)
    other = MDLM(SPEC, MDLM.Config(width=8, depth=1, heads=1)).eval()
    yield Case("−E bound of any net, nats", -(own * listed(other, x)).sum().item(), entropy, 0, one_sided=True)
    drawn = model.sample(DRAWS, options=MDLM.Sampling(steps=LENGTH))
    found = (drawn[:, None] == EVERY).all(2).double().mean(0)
    yield Case("total variation of samples from p", (found - p).abs().sum().item() / 2, 0, 0.02)


def listed(model: MDLM, x: Tensor) -> Tensor:
    """Return the bound of x [N, L], [N]: ∫ t^k (1 − t)^(L − k)/t dt = 1/(k·C(L, k)) for each set of k hidden places."""
    total = torch.zeros(len(x), dtype=torch.float64)
    for places in itertools.product((False, True), repeat=LENGTH):
        if k := sum(places):
            hidden = torch.tensor(places).expand(len(x), -1)
            total += model.hidden_log_prob(x, hidden).double() / (k * math.comb(LENGTH, k))
    return total
