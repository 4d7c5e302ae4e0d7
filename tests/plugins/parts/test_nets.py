"""The nets that `--nets` names, in the models that take them."""

from __future__ import annotations

from pathlib import Path

import pytest
from genzoo_plugins.autoencoders.ae import AE
from genzoo_plugins.parts.nets import ResidualBlock
from genzoo_plugins.structured.tvae import TVAE
from genzoo_plugins.vae.vae import VAE

import genzoo
from genzoo.core.nets import ConvDecoder, ConvEncoder

IMAGES = genzoo.DataSpec((1, 16, 16), "bernoulli", size=100)
VECTORS = genzoo.DataSpec((3,), "gaussian", size=100)


@pytest.mark.parametrize("kind", [VAE, AE])
def test_both_nets_are_replaced(kind: type[VAE | AE]) -> None:
    model = kind(IMAGES, kind.Config(nets="conv:4"))
    assert isinstance(model.encoder, ConvEncoder)
    assert isinstance(model.decoder, ConvDecoder)
    model = kind(VECTORS, kind.Config(nets="residual:8", activation="tanh"))
    assert [sum(isinstance(module, ResidualBlock) for module in net) for net in (model.encoder, model.decoder)] == [
        2,
        2,
    ]


def test_a_run_has_them(tmp_path: Path) -> None:
    options = {"nets": "conv:4", "data": {"resize": 16}, "epochs": 1, "quiet": True}
    run = genzoo.run("iwae", "digits", out=tmp_path / "run", **options)
    model = genzoo.load(run.path)
    assert isinstance(model, VAE)
    assert isinstance(model.encoder, ConvEncoder)


@pytest.mark.parametrize(
    ("kind", "spec", "options", "said"),
    [
        (VAE, VECTORS, {"nets": "conv"}, "--nets conv needs images"),
        (VAE, VECTORS, {"nets": "cnov"}, "no nets named 'cnov'. Did you mean 'conv'"),
        (VAE, IMAGES, {"nets": "conv:0"}, "--nets conv:0: number of feature maps of the first convolution must be a"),
        (VAE, IMAGES, {"nets": "conv", "hidden": (50,)}, "--nets=conv has no --hidden"),
        (AE, IMAGES, {"nets": "conv", "decoder_hidden": (50,)}, "--nets=conv has no --decoder-hidden"),
        (TVAE, VECTORS, {"nets": "residual"}, "--nets residual: TVAE has nets of its own"),
    ],
)
def test_what_does_not_fit_is_refused(
    kind: type[VAE | AE], spec: genzoo.DataSpec, options: dict[str, object], said: str
) -> None:
    with pytest.raises(genzoo.UsageError, match=said):
        kind(spec, kind.Config(**options))  # type: ignore[arg-type]
