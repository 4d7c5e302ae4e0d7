"""The Wasserstein autoencoder."""

from __future__ import annotations

import genzoo
from genzoo_plugins.autoencoders.ae import AE


class WAE(AE):
    """A deterministic autoencoder with p(z) = N(0, I); its loss makes the codes follow it (Tolstikhin et al. 2018)."""

    def prior(self) -> genzoo.StandardNormal:  # type: ignore[override]
        return genzoo.StandardNormal((self.config.latent_dim,), like=self.anchor)
