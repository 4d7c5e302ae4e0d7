"""Likelihoods of counts."""

from __future__ import annotations

from torch import Tensor

import genzoo
from genzoo.core.counts import NegativeBinomial, ZeroInflated
from genzoo.core.distributions import full_precision

LIMIT = 30.0
"""What a decoder puts out stays between −30 and 30, so that nothing overflows: no data have a mean of 10¹³."""


class NegativeBinomialLikelihood(genzoo.Likelihood):
    """The decoder puts out ln μ and then ln r of each count (Lopez et al. 2018)."""

    family = NegativeBinomial
    values = "counts"
    outputs = 2

    def forward(self, raw: Tensor) -> NegativeBinomial:
        log_mean, log_freedom = full_precision(raw).clamp(-LIMIT, LIMIT).chunk(2, 1)
        return NegativeBinomial(log_mean, log_freedom, event_dims=raw.dim() - 1)


class ZeroInflatedLikelihood(genzoo.Likelihood):
    """The decoder puts out ln μ, ln r, and the logit of the additional probability of 0."""

    family = ZeroInflated
    values = "counts"
    outputs = 3

    def forward(self, raw: Tensor) -> ZeroInflated:
        log_mean, log_freedom, logits = full_precision(raw).clamp(-LIMIT, LIMIT).chunk(3, 1)
        return ZeroInflated(NegativeBinomial(log_mean, log_freedom, event_dims=raw.dim() - 1), logits)
