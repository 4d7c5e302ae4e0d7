"""Rate–distortion curves: by hand, and for the linear VAE, where they are known in closed form."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from commandline import genzoo, refused
from genzoo_plugins.linear_gaussian import PPCA, Q, linear_vae, set_optimum
from PIL import Image

import genzoo as genzoo_package
from genzoo.comparison.rate_distortion import Curve, Point, curve_notes, curves
from genzoo.comparison.tables import collect, tables
from genzoo.core.dataset import Split
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.figures.comparisons import rate_distortion
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.runs.run import Run
from genzoo.training.config import Training
from genzoo.training.trainer import Trainer

CPU = torch.device("cpu")


def make(folder: Path, rate: float | None, distortion: float, beta: float, **options: Any) -> None:
    """A finished run with this rate and distortion."""
    folder.mkdir()
    model = {"name": "ae" if rate is None else "vae", "latent_dim": 20, "hidden": options.pop("hidden", [400])}
    loss = {"name": "elbo", "beta": beta, "capacity": options.pop("capacity", None), "gamma": 100.0}
    config = {"model": model, "loss": loss, "data": {"name": "mnist"}, "training": {"seed": 0, **options}}
    test = {"n": 10, "negative_elbo": None, "reconstruction": distortion, "kl": rate, "mse": 0.01}
    if rate is None:
        test["not_available"] = {"kl": "no prior p(z)"}
    else:
        test["negative_elbo"] = rate + distortion
    results = {"test": test, "baselines": {}, "training": {"images_per_second": 1.0}}
    Run(folder).write("config.json", config)
    Run(folder).write("results.json", results)


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Three β and a capacity on one curve, β = 2 trained badly; another net with one run; and an autoencoder."""
    for beta, rate, distortion in ((0.5, 20.0, 70.0), (1.0, 10.0, 80.0), (2.0, 12.0, 85.0), (4.0, 4.0, 98.0)):
        make(tmp_path / f"beta-{beta}", rate, distortion, beta)
    make(tmp_path / "capacity", 15.0, 74.0, 1.0, capacity=15.0)
    make(tmp_path / "small", 9.0, 90.0, 1.0, hidden=[30])
    make(tmp_path / "ae", None, 60.0, 1.0)
    return tmp_path


def test_runs_that_differ_in_pressure_alone_are_one_curve(sweep: Path) -> None:
    found = {curve.name: curve for curve in curves(tables(collect([sweep]))[0])}
    assert set(found) == {"vae hidden=400", "vae hidden=30"}
    main = found["vae hidden=400"]
    assert [point.label for point in main.points] == ["β=4", "β=1", "β=2", "C=15", "β=0.5"]
    assert [point.label for point in main.front] == ["β=4", "β=1", "C=15", "β=0.5"]


def test_the_options_that_trace_a_curve_are_those_that_the_loss_declares(tmp_path: Path) -> None:
    class Pulled(genzoo_package.Loss):
        rate_options = {"pull": "λ"}

        @genzoo_package.config
        class Config:
            pull: float = 1.0
            other: float = 1.0

    genzoo_package.register_loss("pulled", Pulled)
    for number, (pull, other) in enumerate(((0.5, 1.0), (1.0, 1.0), (2.0, 1.0), (1.0, 7.0))):
        make(tmp_path / str(number), 20.0 / pull, 70.0 + 8.0 * pull, 1.0)
        config = Run(tmp_path / str(number)).plain_config
        config["loss"] = {"name": "pulled", "pull": pull, "other": other}
        Run(tmp_path / str(number)).write("config.json", config)
    found = {curve.name: [point.label for point in curve.points] for curve in curves(tables(collect([tmp_path]))[0])}
    assert found == {"vae other=1": ["λ=2", "λ=1", "λ=0.5"], "vae other=7": ["λ=1"]}


def test_area_and_dominated_points_by_hand(sweep: Path) -> None:
    main = max(curves(tables(collect([sweep]))[0]), key=lambda curve: len(curve.points))
    assert main.at(7.0) == 89.0
    whole = 6 * (98 + 80) / 2 + 5 * (80 + 74) / 2 + 5 * (74 + 70) / 2
    assert main.area(4.0, 20.0) == pytest.approx(whole)
    assert main.area(7.0, 10.0) == pytest.approx(3 * (89 + 80) / 2)
    assert curve_notes([main]) == [
        f"rate–distortion, vae hidden=400: area {whole:.4g} nats² between rates 4 and 20",
        "rate–distortion, vae hidden=400: β=2 is dominated by β=1: neither its rate nor its distortion is higher",
    ]


def test_areas_are_taken_over_the_rates_that_all_curves_have() -> None:
    one = Curve("one", (Point("", 0.0, 10.0), Point("", 10.0, 0.0)))
    other = Curve("other", (Point("", 5.0, 20.0), Point("", 20.0, 5.0)))
    assert curve_notes([one, other]) == [
        "rate–distortion, one: area 12.5 nats² between rates 5 and 10; monotone",
        "rate–distortion, other: area 87.5 nats² between rates 5 and 10; monotone",
    ]
    assert curve_notes([Curve("single", (Point("", 1.0, 1.0),))]) == []


@pytest.mark.parametrize(
    ("points", "lines"),
    [
        ([(4, 98), (4, 98), (10, 80)], ["area 534 nats² between rates 4 and 10; monotone"]),
        ([(4, 98), (4, 98)], []),
        ([(4, 98), (4, 98), (4, 98)], []),
        ([(4, 98), (4, 99), (10, 80)], ["area 534 nats² between rates 4 and 10", "c is dominated by"]),
        ([(4, 98), (9, 98), (10, 80)], ["area 534 nats² between rates 4 and 10", "c is dominated by"]),
        ([(4, 98), (10, 80), (10, 80), (12, 80)], ["area 534 nats² between rates 4 and 10", "c is dominated by"]),
        ([(4, 98)], []),
        ([], []),
    ],
)
def test_equal_rates_and_distortions_are_one_place(points: list[tuple[float, float]], lines: list[str]) -> None:
    labels = ["c" if (r, d) in {(4, 99), (9, 98), (12, 80)} else "p" for r, d in points]
    curve = Curve("x", tuple(Point(label, r, d) for label, (r, d) in zip(labels, points, strict=True)))
    said = [line.removeprefix("rate–distortion, x: ") for line in curve_notes([curve])]
    assert len(said) == len(lines)
    assert all(line.startswith(wanted) for line, wanted in zip(said, lines, strict=True))
    if points:
        rate_distortion(io.BytesIO(), [("a protocol", [curve])])


def test_runs_at_one_place_and_runs_without_numbers(tmp_path: Path) -> None:
    make(tmp_path / "one", 4.0, 98.0, 4.0)
    make(tmp_path / "same", 4.0, 98.0, 4.0, capacity=9.0)
    make(tmp_path / "other", 10.0, 80.0, 1.0)
    make(tmp_path / "nan", math.nan, 80.0, 2.0)
    make(tmp_path / "inf", 3.0, math.inf, 3.0)
    result = genzoo("compare", tmp_path, "--figure", tmp_path / "rd.png")
    left_out = "genzoo: not in the figure: vae beta=2 (nan); vae beta=3 (inf)\n"
    assert (result.code, result.err) == (0, left_out)
    assert "area 534 nats² between rates 4 and 10; monotone" in result.out


@pytest.mark.usefixtures("drawn_figures")
def test_the_command_prints_and_draws(sweep: Path, tmp_path: Path) -> None:
    out = tmp_path / "rd.png"
    result = genzoo("compare", sweep, "--figure", out)
    assert (result.code, result.err) == (0, "genzoo: not in the figure: ae (no prior p(z))\n")
    assert "β=2 is dominated by β=1" in result.out
    with Image.open(out) as picture:
        assert picture.format == "PNG"
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24) or []}
    assert {(0, 114, 178), (213, 94, 0)} <= colours  # two curves
    found = json.loads(genzoo("compare", sweep, "--json").out)["tables"][0]["rate_distortion"]
    assert {curve["name"] for curve in found} == {"vae hidden=400", "vae hidden=30"}
    page = genzoo("compare", sweep, "--html").out
    assert page.count("data:image/png;base64,") == 2
    assert "β=2 is dominated by β=1" in page
    assert refused(genzoo("compare", sweep / "ae", "--figure", out)) == "--figure: no run here has a rate"
    assert refused(genzoo("compare", sweep, "--figure", tmp_path / "rd.pdf")) == (
        f"--figure {tmp_path}/rd.pdf: not .png, .jpg, .jpeg or .webp"
    )


def closed_form(ppca: PPCA, beta: float) -> tuple[float, float]:
    """Reverse water-filling: R = Σ ½ ln(λ/βσ²)₊ nats, and D = Σ min(λ, βσ²) + Σ others, a squared error."""
    kept, level = ppca.values[:Q], beta * ppca.variance
    rate = (0.5 * (kept / level).log()).clamp_min(0.0).sum().item()
    return rate, (kept.clamp_max(level).sum() + ppca.values[Q:].sum()).item()


def measured(model: Any, ppca: PPCA) -> tuple[float, float, float]:
    """Rate, squared error and its standard error by the product's evaluation, whose distortion is in nats."""
    found = evaluate(model, Resident(Split(ppca.x.float()), CPU), find_metrics(registry(), ["kl", "reconstruction"]))
    constant = 0.5 * 12 * math.log(2 * math.pi * ppca.variance)
    error = 2 * ppca.variance * found["standard_error"]["reconstruction"]
    return found["kl"], 2 * ppca.variance * (found["reconstruction"] - constant), error


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0, 4.0])
def test_the_linear_vae_lies_on_the_curve_of_theory(ppca: PPCA, beta: float) -> None:
    model = linear_vae("gaussian-learned")
    set_optimum(model, ppca, beta)
    rate, distortion = closed_form(ppca, beta)
    found, error, noise = measured(model, ppca)
    assert found == pytest.approx(rate, abs=1e-5)
    assert error == pytest.approx(distortion, abs=4 * noise)
    # Without the noise of one sample an example: E‖x − Wz − b‖² = ‖x − Wμ − b‖² + Σ var_j ‖W_j‖².
    model.double()
    with torch.no_grad():
        q = model.posterior(ppca.x)
        exact = (ppca.x - model.decode(q.mean)).square().sum(1) + q.variance @ model.decoder[0].weight.square().sum(0)
    assert exact.mean().item() == pytest.approx(distortion, abs=1e-6)


def test_theory_agrees_with_the_eigenvalues_it_is_published_for(ppca: PPCA) -> None:
    """Variances 4, 2.5, 1.5 and 0.5: R(β) falls by the logarithm of β, D rises by what is given up."""
    exact = PPCA(ppca.x, ppca.mean, torch.tensor([4.0, 2.5, 1.5, *[0.5] * 9]).double(), ppca.vectors, 0.5)
    for beta, gap in ((0.5, 1.5 * math.log(2)), (2.0, -1.5 * math.log(2))):
        assert closed_form(exact, beta)[0] - closed_form(exact, 1.0)[0] == pytest.approx(gap)
    assert [closed_form(exact, beta)[1] for beta in (0.5, 1.0, 2.0, 4.0)] == pytest.approx([5.25, 6.0, 7.5, 10.0])


@pytest.mark.long
def test_a_capacity_held_hard_lands_on_the_same_curve(ppca: PPCA) -> None:
    """γ|KL − C| with C = R(2) and γ above 2 has its optimum where β = 2 has: the KL at C, at the least distortion."""
    rate, distortion = closed_form(ppca, 2.0)
    model = linear_vae(f"gaussian:{math.sqrt(ppca.variance)}")
    entry = registry().get("loss", "elbo")
    loss = entry.load()(model, default_config(entry, {"capacity": rate, "gamma": 10.0}))
    settings = Training(batch_size=400, lr=2e-2, schedule="cosine", seed=0, epochs=400)
    Trainer(model, loss, settings, Resident(Split(ppca.x.float()), CPU)).fit()
    found, error, _ = measured(model, ppca)
    assert found == pytest.approx(rate, abs=0.03)
    assert error == pytest.approx(distortion, abs=0.1)
