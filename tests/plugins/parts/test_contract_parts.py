"""Every registered part against the checks of parts, and every prior and posterior in a VAE against those of models."""

from __future__ import annotations

import pytest
import torch

from genzoo.registry.current import registry
from genzoo.registry.entries import PARTS, Entry
from genzoo.testing import CHECKS, SPECS, Pair, assert_fullgraph
from genzoo.testing.model_checks import ONCE
from genzoo.testing.part_checks import PartTarget, checks_of

PARTS_OF_MODELS = [
    *(
        {"prior": name}
        for name in ("mixture:4", "vamp:8", "flow:iaf:1", "flow:planar:2", "maf:1", "realnvp:2", "spline:2")
    ),
    *({"posterior": name} for name in ("iaf:2", "planar:3", "maf:1", "spline:1")),
    {"prior": "mixture:4", "posterior": "iaf:1"},
    {"nets": "residual:8"},
    {"nets": "conv:2"},
]
"""Parts that differ from the defaults, which every VAE has."""
SLOW = {"follows", ("maf", "fitted"), ("maf", "stored")}
"""Checks of parts, or of one part, that are in the long suite."""
QUICK = ("shapes", "gradients", "scored", "alone", "graph-safe", "instances", "resumes")
"""The other checks are in the long suite."""


def alone() -> list[tuple[Entry, str]]:
    entries = [entry for kind in PARTS for entry in registry().matching(kind) if entry.origin.distribution == "genzoo"]
    return [(entry, name) for entry in entries for name in checks_of(PartTarget(entry).kind)]


def is_slow(entry: Entry, check: str) -> bool:
    """Whether a check of a part is only in the long suite."""
    return bool({check, (entry.name, check)} & SLOW)


@pytest.mark.parametrize(
    ("entry", "check"),
    [
        pytest.param(
            entry,
            name,
            id=f"{entry.kind} {entry.name} {name}",
            marks=[pytest.mark.long] * is_slow(entry, name),
        )
        for entry, name in alone()
    ],
)
def test_part(entry: Entry, check: str) -> None:
    target = PartTarget(entry)
    checks_of(target.kind)[check](target)


def pair(options: dict[str, str]) -> Pair:
    small = {"latent_dim": 2, **({} if "nets" in options else {"hidden": (16,)}), **options}
    form = "grey images" if options.get("nets", "").startswith("conv") else "points"
    return Pair(registry().get("model", "vae"), registry().get("loss", "elbo"), SPECS[form], model_options=small)


@pytest.mark.every(3)
@pytest.mark.parametrize("options", PARTS_OF_MODELS, ids=str)
@pytest.mark.parametrize(
    "check",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.long) for name in CHECKS if name not in ONCE],
)
def test_vae_with_parts(options: dict[str, str], check: str) -> None:
    CHECKS[check](pair(options))


@pytest.mark.long
@pytest.mark.parametrize("options", PARTS_OF_MODELS, ids=str)
def test_a_vae_with_parts_compiles_as_one_graph(options: dict[str, str]) -> None:
    made = pair(options)
    assert_fullgraph(made.build(), made.batch(4))


def test_every_prior_posterior_and_pair_of_nets_is_tried_in_a_vae() -> None:
    tried = {text.partition(":")[0] for options in PARTS_OF_MODELS for text in options.values()}
    known = {*registry().names("prior"), *registry().names("posterior"), *registry().names("nets")}
    assert known - tried == {"standard-normal", "diagonal", "uniform-sphere", "vmf"}  # svae has the last two


def test_the_default_parts_have_no_weights_and_draw_no_numbers() -> None:
    torch.manual_seed(0)
    model = pair({}).build().model
    assert {name.partition(".")[0] for name, _ in model.named_parameters()} == {"head", "encoder", "decoder"}
