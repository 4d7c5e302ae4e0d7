"""How well a sampler, or the prior, fits the codes."""

from __future__ import annotations

from typing import Any

from torch import Tensor

import genzoo
from genzoo.evaluation.samplers import PRIOR, full_sampler_name, sampled_codes, why_no_sampler


class LatentNLL(genzoo.Metric):
    """E[−ln p(z)] of codes z ~ q(z|x) of the data, under the prior or under a sampler fitted to training codes.

    It is at least the entropy of the codes, which a sampler that equals their distribution reaches. Values of different
    models are of different codes: compare only samplers of one model.
    """

    label = "−ln p(z) of codes"
    unit = "nats"
    density: Any
    """log_prob of codes [N, *D]."""

    @genzoo.config
    class Config:
        sampler: str = "prior"
        """Source of the codes: prior, or a sampler fitted to training codes, such as gmm:10."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.sampler = full_sampler_name(config.sampler)
        self.needs_train = self.sampler != PRIOR

    def refuses(self, model: genzoo.Model) -> str | None:
        encodes = None if isinstance(model, genzoo.Encoder) else "no encoder"
        decodes = None if isinstance(model, genzoo.Decoder) else "no prior p(z)"
        return why_no_sampler(model, self.sampler) or encodes or decodes

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        model = context.model
        assert isinstance(model, genzoo.Decoder)
        try:
            fitted = context.samplers(self.sampler)
        except genzoo.GenzooError as error:  # no density can be fitted to the codes
            return error.message
        if fitted is not None:
            self.density = lambda z: fitted.log_prob(z.flatten(1).cpu().double())
            return None
        prior = model.prior()
        assert prior is not None
        self.density = prior.log_prob
        return None if prior.measure == "density" else "p(z) is not a density"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        costs: Tensor = -self.density(sampled_codes(examined.model, examined.batch.x))
        return costs

    def why_not_available(self, values: Tensor) -> str | None:
        return None if bool(values.isfinite().all()) else "some codes have no finite density"

    def details(self, values: Tensor) -> dict[str, Any]:
        return {"sampler": self.sampler, **({} if self.sampler == PRIOR else {"note": self.sampler})}
