"""From options to the spec, the model and the loss of a run, and what is refused on the way."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genzoo.core.dataset import DataSpec
from genzoo.core.errors import UsageError
from genzoo.registry.current import registry
from genzoo.registry.parts import likelihood_class
from genzoo.runs.build import build_loss, build_model, count_without_allocating, refuse_uneven_batch, view_spec
from genzoo.system.distributed import Processes
from genzoo.training.config import Training


def spec_of(dataset: str, **options: Any) -> DataSpec:
    cls = registry().get("dataset", dataset).load()
    return view_spec(cls(cls.Config()), Training(**options))


OF_COUNTS = [name for name in registry().names("likelihood") if likelihood_class(name).values == "counts"]


@pytest.mark.parametrize("likelihood", OF_COUNTS)
def test_grey_images_are_no_counts(likelihood: str) -> None:
    with pytest.raises(UsageError, match=f"--likelihood {likelihood} is for counts 0, 1, 2, …; these data are images"):
        spec_of("digits", likelihood=likelihood)


@pytest.mark.parametrize("likelihood", sorted({*registry().names("likelihood")} - {*OF_COUNTS}))
def test_grey_images_take_every_likelihood(likelihood: str) -> None:
    assert spec_of("digits", likelihood=likelihood).likelihood == likelihood


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        ("moons", {"likelihood": "bernoulli"}, "bernoulli is for values between 0 and 1; these data have others"),
        ("moons", {"likelihood": "continuous-bernoulli"}, "is for values between 0 and 1; these data have others"),
        ("moons", {"likelihood": "discretised-logistic"}, "is for values between 0 and 1; these data have others"),
        ("digits", {"likelihood": "continuous-bernoulli", "binarize": "static"}, "these data are black and white"),
        ("digits", {"likelihood": "discretised-logistic", "binarize": "dynamic"}, "these data are black and white"),
        ("digits", {"likelihood": "bernoulli", "standardize": "global"}, "standardised ones leave it"),
        ("digits", {"likelihood": "discretised-logistic", "standardize": "global"}, "standardised ones leave it"),
        ("digits", {"binarize": "static", "standardize": "global"}, "exclude each other"),
        ("moons", {"binarize": "static"}, "--binarize is for images; these data are vectors of 2"),
        ("moons", {"likelihood": "gausian"}, "no likelihood named 'gausian'"),
    ],
)
def test_a_likelihood_that_does_not_fit_the_values_is_refused(
    dataset: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        spec_of(dataset, **options)
    assert "\n" not in caught.value.message


def test_vectors_between_0_and_1_have_no_grey_levels() -> None:
    class Shares:
        Config = registry().get("dataset", "moons").load().Config
        spec = DataSpec((3,), "bernoulli")

    assert view_spec(Shares(), Training()) == Shares.spec  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is for grey images; these data are vectors of 3"):
        view_spec(Shares(), Training(likelihood="continuous-bernoulli"))  # type: ignore[arg-type]


def test_what_suits_the_view_is_chosen() -> None:
    assert spec_of("digits") == DataSpec((1, 8, 8), "bernoulli", 10, 1257)
    assert spec_of("digits", binarize="static") == DataSpec((1, 8, 8), "bernoulli", 10, 1257, binary=True)
    assert spec_of("digits", standardize="global").likelihood == "gaussian-learned"
    assert spec_of("digits", standardize="global", likelihood="laplace").likelihood == "laplace"
    assert spec_of("moons", standardize="global").likelihood == "gaussian-learned"


def test_a_model_is_drawn_from_its_seed_alone() -> None:
    entry = registry().get("model", "vae")
    spec, config, cpu = DataSpec((2,), "gaussian"), entry.load().Config(latent_dim=2, hidden=(3,)), torch.device("cpu")
    before = torch.get_rng_state()
    one, same, other = (build_model(entry, spec, config, seed, cpu).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(torch.get_rng_state(), before)
    parameters = sum(p.numel() for p in build_model(entry, spec, config, 0, cpu).parameters())
    assert count_without_allocating(entry.load(), spec, config) == parameters


def test_a_model_beyond_memory_is_refused_before_it_is_built() -> None:
    entry = registry().get("model", "vae")
    config = entry.load().Config(hidden=(1 << 30, 1 << 30))
    with pytest.raises(UsageError, match=r"vae with these options needs .* to train; this machine has"):
        build_model(entry, DataSpec((2,), "gaussian"), config, 0, torch.device("cpu"))


def test_a_loss_that_cannot_train_a_model_is_refused() -> None:
    model, loss = registry().get("model", "ae"), registry().get("loss", "elbo")
    spec, cpu = DataSpec((2,), "gaussian"), torch.device("cpu")
    built = build_model(model, spec, model.load().Config(latent_dim=2, hidden=(3,)), 0, cpu)
    with pytest.raises(UsageError, match="loss 'elbo' cannot train ae: it needs a prior"):
        build_loss(loss, built, loss.load().Config(), "ae", 0)


def test_processes_share_a_batch_evenly() -> None:
    four = Processes()
    four.size = 4
    refuse_uneven_batch(128, four)
    with pytest.raises(UsageError, match="--batch-size 126 is not a multiple of the 4 processes") as error:
        refuse_uneven_batch(126, four)
    assert error.value.hint == "--batch-size 128"
