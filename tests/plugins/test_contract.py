"""Every registered model and loss against the conformance checks: a new plugin is tested by being registered.

Each model runs with its own loss, and each loss with one model, so the time grows with the number of models and not
with its square. Only the checks to which it may matter see a second form of data. The long suite runs every model with
every loss, and each of them on every form. The models are those that are installed. What each check says is in
`genzoo.testing.model_checks`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import cache
from typing import Any

import pytest
import torch

from genzoo.core.distributions import DiagGaussian, Distribution
from genzoo.core.model import Autoencoder, Density, Encoder, LatentModel
from genzoo.core.options import NoOptions
from genzoo.registry.current import registry
from genzoo.testing import CHECKS, SPECS, Pair, assert_fullgraph, assert_graph_safe, assert_mean_over_examples
from genzoo.testing.model_checks import ONCE
from genzoo.testing.pair import SPARE

FORMS = ("grey images", "points", "colour images", "vectors", "tokens", "signals")
"""The forms of `SPECS`; the quick suite tests a model on the first two that it takes."""
OF_THE_SECOND = ("shapes", "loss")
"""The checks of the quick suite on the second form, once for models of one `family`."""
OF_A_FAMILY = (
    "batches", "scored", "weighed", "agrees", "alone", "forgets", "labels", "modes", "evaluation", "drawn", "quiet",
)  # fmt: skip
"""The checks that run once in the quick suite for models of one `family`, which share the code of the core."""
OF_THE_MODEL = ("agrees", "alone", "forgets", "labels", "modes", "evaluation", "drawn", "quiet")
"""Of these, the ones that do not depend on the loss."""
OF_METHODS = {"density": ("likelihood",), "posterior": ("posterior", "infer", "encode"), "prior": ("prior", "sample")}
"""The methods that checks concern: once in the quick suite for models that inherit them and have the same options."""
OF_THE_CLASS = ("shapes", "density", "posterior", "prior", "kl", "agrees", "alone", "drawn", "sampling")
"""The checks that concern the model alone: once in the quick suite for registrations that differ in the loss alone."""
OF_ANY_PAIR = (
    "loss", "edges", "learns", "phases", "after-step", "processes", "weighed", "forgets", "instances",
    "weights", "graph-safe",
)  # fmt: skip
"""The checks of the long suite on a model with a loss that is not its own, with the nets of the quick suite. Of the
others most compute no loss; and such a loss need not train a prior, nor be the same in training and for any batch."""
OF_EACH = ("loss", "gradients", *OF_THE_CLASS)
"""The checks of the quick suite on registrations that differ in options alone; of the others one of them is enough."""
OF_EVERY_MODEL = ("loss", "gradients")
"""The checks of the quick suite that every model has."""
SHARE = 3
"""Of the others each model has one of so many in the quick suite, and other models have others."""
SLOW = {
    ("hamiltonian-vae", "posterior"), ("iaf-vae", "posterior"), ("text-vae", "density"), ("vdvae", "kl"),
    ("vdvae", "posterior"), ("vdvae", "prior"),
}  # fmt: skip
"""Checks that draw many samples of a slow model, whose theory says the same: in the long suite."""
COUPLED = ("dip", "factor", "mmd", "sliced-codes", "tc")
"""Losses that compare the examples of a batch with each other: the one warning that is meant."""
SMALL: dict[str, Any] = {"hidden": (32,), "latent_dim": 5, "width": 16, "depth": 1}
"""Options of the quick suite, for the models that have them."""
OF_DRAWS = ("adversarial-codes", "mmd", "sliced-codes")
"""Losses that draw from p(z): several processes make the draws of one if it is Gaussian, else draws of their own."""
RELAXED = ("gumbel-vae",)
"""Models whose samples are relaxed in training, and only there: the other warning that is meant."""
SMALLER: dict[str, dict[str, Any]] = {
    "char-model": {"heads": 2},
    "consistency": {"net": "perceptron"},
    "conv-vae": {"channels": (8, 16), "base": 8},
    "ddpm": {"channels": 8, "timesteps": 20, "steps": 5},
    "ebm": {"steps": 5},
    "edm": {"net": "perceptron", "steps": 5},
    "factor-analysis": {"updates": 3},
    "flow-matching": {"steps": 10},
    "fsq-vae": {"quantiser": "fsq:3,3", "width": 4, "residual_blocks": 0},
    "fvsbn": {"hidden": ()},
    "glow": {"scales": 2, "steps": 1, "channels": 4},
    "gm-vae": {"prior": "mixture:3"},
    "guided-flow-matching": {"steps": 4},
    "gmm": {"components": 2, "axes": 8},
    "gumbel-vae": {"latents": 4, "classes": 3},
    "hamiltonian-vae": {"latent_dim": 2, "hidden": (8,), "leapfrogs": 1},
    "iaf-vae": {"posterior": "iaf:1", "latent_dim": 2},
    "infogan": {"classes": 2, "codes": 1},
    "ladder-vae": {"latent_dims": (6, 3), "top_hidden": (16,)},
    "maf": {"layers": 1},
    "mdlm": {"heads": 2},
    "meanflow": {"net": "perceptron"},
    "nice": {"couplings": 2},
    "pixelcnn": {"width": 2, "layers": 1, "reach": 1},
    "pixelcnn-pp": {"width": 2, "layers": 1, "reach": 1, "mixture": 2},
    "rbm": {"steps": 20, "units": 8},
    "realnvp": {"couplings": 2},
    "sa-vae": {"latent_dim": 2, "hidden": (8,), "refinements": 1},
    "sparse-ae": {"latent_dim": 64, "active": 8},
    "spline-flow": {"couplings": 2, "bins": 3},
    "tarflow": {"layers": 1, "heads": 2},
    "text-vae": {"heads": 2},
    "transformer": {"heads": 2},
    "tvae": {"modes": 3},
    "vamp-vae": {"prior": "vamp:10"},
    "vdvae": {"channels": (4, 8), "base": 4, "blocks": 1, "width": 4, "latent_maps": 16},
    "vdm": {"net": "perceptron", "times": 1, "steps": 5},
    "vq-vae": {"codes": 8, "width": 4, "residual_blocks": 0},
}
"""More of them. The long suite has the defaults."""
SIDES = {"pixelcnn": 8, "pixelcnn-pp": 8}
"""Sides of the quick suite's images that differ from 16: these models draw one pixel at a time."""
COMPILED = ("vq-vae", "gan")
"""The models that the quick suite compiles, beside a VAE under warm-up."""
PRESSURES: list[dict[str, float]] = [
    {"beta": 4.0, "kl_warmup": 100},
    {"capacity": 5.0, "kl_warmup": 100, "gamma": 10.0},
    {"posterior_samples": 3},
]

OF_IMAGES = ("conv-vae", "fsq-vae", "glow", "pixelcnn", "pixelcnn-pp", "rbm", "vdvae", "vq-vae")
"""Models of images alone."""
OF_TOKENS = ("char-model", "mdlm", "ngram", "text-vae", "transformer")
"""Models of tokens, and of pixels whose levels are known, which made-up data do not say."""
OF_ROWS = ("multimodal-vae", "tvae")
"""Models of rows of several parts."""
OF_CLASSES = ("conditional-vae", "guided-flow-matching", "m2-vae")
"""Models of data with classes."""
OF_COUNTS = ("scvi",)
"""Models of counts, which no form of `SPECS` has."""
Names = tuple[str, str]
"""A model and a loss."""
Case = tuple[str, str, int]
"""A model, a loss, and which of the forms of data that they take."""
Checked = tuple[Case, str]
"""A case and the name of a check."""


@cache
def small(model: str) -> dict[str, Any]:
    """Return the quick suite's options of a model."""
    names = {field.name for field in fields(registry().get("model", model).load().Config)}
    return {name: value for name, value in SMALL.items() if name in names} | SMALLER.get(model, {})


@cache
def refusal(model: str, loss: str, form: str) -> str | None:
    return replace(Pair.of(model, loss, (SPECS | SPARE)[form]), model_options=small(model)).refusal()


def forms(model: str, loss: str) -> list[str]:
    """The forms of data on which a loss trains a model; the spare ones only if there are no others."""
    if not accepts(loss, model):
        return []
    taken = [form for form in FORMS if refusal(model, loss, form) is None]
    return taken or [form for form in SPARE if refusal(model, loss, form) is None]


def accepts(loss: str, model: str) -> bool:
    """Whether a loss is for models of this class; if not, none is built to find out: collection is repeated in every
    worker."""
    return issubclass(registry().get("model", model).load(), registry().get("loss", loss).load().accepts)


def trains(model: str, loss: str) -> bool:
    """Whether a loss trains a model on any form of data."""
    return accepts(loss, model) and any(refusal(model, loss, form) is None for form in FORMS)


def own() -> list[Names]:
    """Each model with its own loss."""
    return [(entry.name, registry().loss_of(entry).name) for entry in registry().matching("model")]


@cache
def linear() -> list[Case]:
    """Each model with its own loss on two forms of data; each other loss with the first model that it trains.

    Nothing is built for the former: collection is repeated in every worker.
    """
    cases = [(*names, number) for names in own() for number in (0, 1)]
    others = sorted(set(registry().names("loss")) - {loss for _, loss in own()})
    models = registry().names("model")
    return cases + [(next(model for model in models if trains(model, loss)), loss, 0) for loss in others]


@cache
def alike() -> set[Names]:
    """Each model with its own loss, and each other loss with one model."""
    return {(model, loss) for model, loss, _ in linear()}


def product() -> list[Case]:
    """Every pair that trains; each model with its own loss, and each loss with one model, on every form of data."""
    on_all = alike()
    pairs = itertools.product(registry().names("model"), registry().names("loss"))
    numbers = {names: len(forms(*names)) for names in pairs}
    return [(*names, n) for names, count in numbers.items() for n in range(count if names in on_all else min(1, count))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    long = metafunc.config.getoption("--long")
    cases = {"case": linear, "compiled": own_on_all if long else some}
    for name in cases.keys() & set(metafunc.fixturenames):
        metafunc.parametrize(name, cases[name](), ids=titled)
    if "checked" in metafunc.fixturenames:
        every = [(case, check) for case in (product if long else linear)() for check in CHECKS if check not in ONCE]
        whole = alike()
        chosen = (c for c in every if c[0][:2] in whole or c[1] in OF_ANY_PAIR) if long else quick(every)
        metafunc.parametrize("checked", list(chosen), ids=lambda c: f"{titled(c[0])}: {c[1]}")


def titled(case: Case) -> str:
    return " ".join(map(str, case))


def quick(every: list[Checked]) -> Iterator[Checked]:
    """What of the checks of all cases is in the quick suite."""
    seen = set()
    models, names = registry().names("model"), list(CHECKS)
    for (model, loss, number), check in every:
        entry = registry().get("model", model)
        kind: tuple[object, ...] = (family(model) if number else subject(model, check), check, number)
        kind += () if check in (*OF_THE_CLASS, *OF_THE_MODEL) else (loss,)
        kind += (str(entry.options),) if check in OF_EACH and check not in OF_A_FAMILY and number == 0 else ()
        wanted = (number == 0 or check in OF_THE_SECOND) and (check != "processes" or loss in COUPLED)
        wanted = wanted and (model, check) not in SLOW
        if wanted and kind not in seen:  # of those that differ a third, another one of each model
            wanted = check in OF_EVERY_MODEL or (models.index(model) + names.index(check)) % SHARE == 0
        if wanted and kind not in seen:
            yield (model, loss, number), check
        seen.add(kind)


def subject(model: str, check: str) -> object:
    """What a check of a model tests in the quick suite."""
    entry = registry().get("model", model)
    if methods := OF_METHODS.get(check):
        return tuple(getattr(entry.load(), name, None) for name in methods)
    return family(model) if check in OF_A_FAMILY else entry.target


@cache
def family(model: str) -> tuple[object, ...]:
    """What decides which code of the core serves a model: its interfaces, its data and how it is trained."""
    cls = registry().get("model", model).load()
    interfaces = tuple(issubclass(cls, interface) for interface in (Density, LatentModel, Autoencoder, Encoder))
    return (*interfaces, cls.conditional, cls.kinds, cls.in_closed_form(), cls.Sampling is NoOptions)


def some() -> list[Case]:
    """Models of the quick suite: a codebook, and two nets in turn."""
    return [(*names, 0) for names in trained() if names[0] in COMPILED]


def own_on_all() -> list[Case]:
    return [(*names, number) for names in trained() for number in (0, 1)]


def trained() -> list[Names]:
    """Each model that is trained by steps with its own loss; the others are fitted in closed form."""
    return [names for names in own() if not registry().get("model", names[0]).load().in_closed_form()]


def of(case: Case) -> Pair:
    """The pair of a case. A model that takes fewer forms of data is tested on the last again."""
    model, loss, number = case
    taken = list(itertools.islice((form for form in FORMS if refusal(model, loss, form) is None), number + 1)) or forms(
        model, loss
    )
    assert taken, f"{loss} trains {model} on no form of data"
    return Pair.of(model, loss, (SPECS | SPARE)[taken[-1]])


def smaller(case: Case, whole: bool) -> Pair:
    """The pair of a case; unless it is tested as a whole, with small nets and images."""
    pair = of(case)
    if whole:
        return pair
    side = SIDES.get(case[0], 16)
    spec = pair.spec._replace(shape=(pair.spec.shape[0], side, side)) if pair.spec.is_image else pair.spec
    return replace(pair, spec=spec, model_options=small(case[0]))


@pytest.fixture(autouse=True)
def fewer_draws(long: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the quick suite distributions are tested with a quarter of the samples or fewer, a loss decreases in 12
    steps, and whether small models fit into memory is not asked each time that they are built."""
    if not long:
        monkeypatch.setattr("genzoo.runs.build.count_without_allocating", lambda *_: 0)
        monkeypatch.setattr("genzoo.testing.training_step_checks.STEPS", 12)
        monkeypatch.setattr("genzoo.testing.densities.DRAWS", 4000)
        monkeypatch.setattr("genzoo.testing.densities.BUDGET", 500_000)
        monkeypatch.setattr("genzoo.testing.probability_checks.PRIOR_DRAWS", 1000)
        monkeypatch.setattr("genzoo.testing.probability_checks.DRAWS", 128)


@pytest.mark.long
def test_nothing_is_refused_but_what_must_be() -> None:
    """Pairs of the built-in plugins that train, and why others do not."""
    for model, loss in [
        *itertools.product(("ae", "vae", "beta-vae"), ("reconstruction",)),
        *itertools.product(("vae", "beta-vae"), ("elbo",)),
        *itertools.product(("vae",), ("importance-weighted", "dip", "factor", "mmd", "tc")),
        *(names for names in own() if names[0] not in (*OF_IMAGES, *OF_CLASSES, *OF_TOKENS, *OF_ROWS, *OF_COUNTS)),
    ]:
        assert forms(model, loss) == [form for form in FORMS if form != "tokens"]
    for model in OF_TOKENS:
        assert forms(model, registry().get("model", model).loss) == ["tokens"]
    for model in OF_COUNTS:
        assert forms(model, registry().get("model", model).loss) == ["counts"]
    for model in OF_ROWS:
        assert forms(model, registry().get("model", model).loss) == ["points", "vectors"]
    for model, loss in [
        ("conv-vae", "elbo"), ("conv-vae", "reconstruction"), ("fsq-vae", "elbo"), ("glow", "nll"), ("rbm", "pcd"),
        ("vq-vae", "vq"),
    ]:  # fmt: skip
        assert forms(model, loss) == ["grey images", "colour images"]
    for model in OF_CLASSES:  # the vectors have no classes
        assert {form for form in FORMS if refusal(model, registry().get("model", model).loss, form)} == {
            "vectors", "tokens",
        }  # fmt: skip
    for form in set(SPECS) - {"tokens"}:
        assert refusal("ae", "elbo", form) == "loss 'elbo' cannot train ae: it needs a prior p(z), and AE has none"
    for form, size in (("points", 2), ("vectors", 5)):
        reason = f"conv-vae needs images (C, H, W); these data are vectors of {size}"
        assert refusal("conv-vae", "elbo", form) == refusal("conv-vae", "reconstruction", form) == reason


def test_the_quick_suite_has_every_model_and_every_loss() -> None:
    assert set(FORMS) == set(SPECS)
    models, losses, _ = map(set, zip(*linear(), strict=True))
    assert models == set(registry().names("model"))
    assert losses == set(registry().names("loss"))


def test_contract(checked: Checked, long: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    case, check = checked
    whole = long and case[:2] in alike()
    pair = smaller(case, whole)
    if not whole:
        monkeypatch.setattr("genzoo.testing.training_step_checks.STEPS", 12)
    if check == "batches" and case[1] in COUPLED:
        with pytest.raises(AssertionError, match="as the mean of its examples"):
            CHECKS[check](pair)
    elif check == "processes" and case[1] in OF_DRAWS and not isinstance(prior_of(pair), DiagGaussian):
        found = failure(CHECKS[check], pair)  # none where a kink, such as a change of codes, may be why they differ
        assert not found or "of two processes is" in found
    elif check == "modes" and case[0] in RELAXED:
        with pytest.raises(AssertionError, match=r"terms in training are|differs between training and evaluation"):
            CHECKS[check](pair)
    else:
        CHECKS[check](pair)


def failure(check: Callable[[Pair], object], pair: Pair) -> str:
    """Return why a check fails; "" if it passes."""
    try:
        check(pair)
    except AssertionError as error:
        return str(error)
    return ""


def prior_of(pair: Pair) -> Distribution | None:
    model = pair.build().model
    assert isinstance(model, LatentModel)
    return model.prior()


@pytest.mark.long
def test_the_loss_is_a_mean_over_examples(case: Case, long: bool) -> None:
    pair = smaller(case, long)
    batch = pair.batch(128 if long and case[0] != "conv-vae" else 32)
    if case[1] in COUPLED:
        with pytest.raises(AssertionError, match="as the mean of its examples"):
            assert_mean_over_examples(pair.build().eval(), batch)
    else:
        assert_mean_over_examples(pair.build(), batch)


def test_compiles_as_one_graph_for_every_step(compiled: Case, long: bool) -> None:
    pair = smaller(compiled, long)
    if pair.loss.load().second_order:
        pytest.skip("it differentiates, and is trained without compilation")
    assert_fullgraph(pair.build(), pair.batch(4))


@pytest.mark.parametrize(
    "options", [PRESSURES[0], *(pytest.param(options, marks=pytest.mark.long) for options in PRESSURES[1:])], ids=str
)
def test_warm_up_and_capacity_compile_once(options: dict[str, float]) -> None:
    pair = Pair.of("vae", "elbo", SPECS["vectors"], **options)
    assert_fullgraph(pair.build(), pair.batch(4), steps=(0, 1, 50, 10_000))


@pytest.mark.parametrize("options", PRESSURES, ids=str)
@pytest.mark.parametrize("model", ["vae", "beta-vae", "conv-vae"])
def test_warm_up_and_capacity_are_graph_safe(model: str, options: dict[str, float]) -> None:
    pair = Pair.of(model, "elbo", **options)
    noise = pair.batch(4)
    assert_graph_safe(pair.build(), [noise._replace(x=torch.zeros_like(noise.x)), noise], [0, 10_000])


def test_the_loss_of_several_samples_is_a_mean_over_examples() -> None:
    pair = Pair.of("vae", "elbo", beta=2.0, posterior_samples=3)
    assert_mean_over_examples(pair.build(), pair.batch(128))
