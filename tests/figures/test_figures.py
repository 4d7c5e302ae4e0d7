"""Every figure of every model on every form of data: real pictures, and numbers that theory knows."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split
from genzoo.core.model import LatentModel, Model
from genzoo.data.resident import Resident
from genzoo.data.store import Store
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.evaluation.latent_paths import slerp
from genzoo.figures import draw as figures
from genzoo.figures.context import FigureContext
from genzoo.figures.curves import labels
from genzoo.figures.image_grid import DPI, MARGIN, Labels, save_grids
from genzoo.figures.latent_scatter import ACTIVE, latent_plane
from genzoo.figures.latent_space import Scale, posteriors, principal_axes, quantile_grid
from genzoo.figures.scatter import planes, scatter
from genzoo.figures.traversals import OFFSETS, Traversal, chosen_pairs, interpolation_codes, manifold_codes
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.runs.build import build_model
from genzoo.runs.run import Run

pytestmark = pytest.mark.usefixtures("drawn_figures")
CPU = torch.device("cpu")
SHAPES = {"digits": (1, 8, 8), "moons": (2,), "mnist-shaped": (1, 28, 28), "colour": (3, 16, 16), "vectors": (5,)}
ALL = {"samples", "reconstructions", "latent", "curves"}
HISTORY = '{"epoch": 1, "train": {"loss": 3.0, "kl": 1.0}, "validation": {"loss": 3.5, "kl": 1.1}}\n'


def examples(form: str) -> Split:
    """Real digits or moons, or 300 random examples of that shape."""
    if form in ("digits", "moons"):
        entry = registry().get("dataset", form)
        test: Split = entry.load()(default_config(entry, entry.options)).load(Store()).test
        return test
    generator = torch.Generator().manual_seed(0)
    shape = SHAPES[form]
    if len(shape) == 1:
        return Split(torch.randn(300, *shape, generator=generator))
    x = torch.randint(0, 256, (300, *shape), generator=generator, dtype=torch.uint8)
    return Split(x, torch.randint(0, 10, (300,), generator=generator))


def subject_of(folder: Path, name: str, form: str, **options: int) -> FigureContext:
    """An untrained model, with weights large enough to tell examples apart, on data of one form."""
    split, entry = examples(form), registry().get("model", name)
    likelihood = "bernoulli" if len(SHAPES[form]) == 3 else "gaussian-learned"
    spec = DataSpec(SHAPES[form], likelihood, classes=10 if split.y is not None else 0, size=len(split.x))
    model = build_model(entry, spec, default_config(entry, {**entry.options, **options}), seed=0, device=CPU)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    (folder / "metrics.jsonl").write_text(HISTORY)
    view = Resident(split, CPU)
    return FigureContext(Run(folder), model, {"train": view, "test": view})


def expected(name: str, form: str, latents: int) -> set[str]:
    """The figures that make sense."""
    found = set(ALL)
    if name != "ae":
        found |= {"kl-per-dim"} | ({"manifold"} if latents == 2 and form != "vectors" else set())
    return found | ({"traversals", "interpolations"} if len(SHAPES[form]) == 3 else set())


CASES = [
    pytest.param(name, form, latents, marks=pytest.mark.long if name == "beta-vae" else [])  # which is of vae's class
    for name in ("ae", "vae", "beta-vae", "conv-vae")
    for form in SHAPES
    for latents in (1, 2, 20)
    if name != "conv-vae" or form in ("mnist-shaped", "colour")
    if latents == 20 or (name, form) in (("vae", "digits"), ("vae", "moons"), ("ae", "moons"))
]


@pytest.mark.parametrize(("name", "form", "latents"), CASES)
def test_what_makes_sense_is_drawn_and_nothing_else(name: str, form: str, latents: int, tmp_path: Path) -> None:
    subject = subject_of(tmp_path, name, form, latent_dim=latents)
    assert figures.draw_all(subject.run, subject.model, subject.view) == []
    drawn = {path.stem: path for path in (tmp_path / "figures").iterdir()}
    assert set(drawn) == expected(name, form, latents)
    for path in drawn.values():
        with Image.open(path) as picture:
            picture.load()
            assert picture.format == "PNG"
            assert 300 <= picture.width <= 1600
            assert 150 <= picture.height <= 1700
            assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 10


class Source(Model):
    """Has neither encoder nor prior."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec, None)
        self.bias = torch.nn.Parameter(torch.zeros(spec.shape))

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return torch.rand(n, *self.spec.shape) + self.bias


def test_a_model_without_an_encoder_has_samples_and_curves(tmp_path: Path) -> None:
    subject = subject_of(tmp_path, "vae", "digits")
    assert figures.draw_all(subject.run, Source(subject.model.spec), subject.view) == []
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"samples", "curves"}


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("negative_elbo", ("−ELBO", "nats an example")),
        ("kl_given_y", ("KL given the class", "nats an example")),
        ("mse", ("mse", "")),
        ("distortion", ("distortion", "")),
        ("loss", ("loss", "")),
    ],
)
def test_a_curve_has_the_unit_of_its_term_or_none(term: str, expected: tuple[str, str]) -> None:
    assert labels(term) == expected


@pytest.fixture(params=["vae", "ae"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> FigureContext:
    made = subject_of(tmp_path, request.param, "digits", latent_dim=6)
    made.model.requires_grad_(False)
    return made


def reconstructed(subject: FigureContext, *index: int) -> Tensor:
    return subject.latent_model.reconstruct(subject.examples(torch.tensor(index)))


def test_interpolations_end_at_the_reconstructions(subject: FigureContext) -> None:
    decoded = subject.decode(interpolation_codes(subject))
    pairs = chosen_pairs(subject)
    assert len(pairs) == 4
    assert decoded.shape == (8, 10, 1, 8, 8)
    for number, pair in enumerate(pairs):
        for row in (decoded[2 * number], decoded[2 * number + 1]):
            torch.testing.assert_close(row[[0, -1]], reconstructed(subject, *pair), atol=1e-6, rtol=0)


def test_pairs_are_disjoint_and_of_two_classes(subject: FigureContext) -> None:
    pairs, y = chosen_pairs(subject), subject.test.y
    assert y is not None
    assert len({place for pair in pairs for place in pair}) == 2 * len(pairs)
    assert all(y[one] != y[other] for one, other in pairs)


def test_the_great_circle_keeps_the_norm_and_goes_at_even_pace() -> None:
    torch.manual_seed(0)
    one, other = torch.nn.functional.normalize(torch.randn(2, 30, dtype=torch.float64), dim=1) * 5
    path = slerp(one, other, torch.linspace(0, 1, 11, dtype=torch.float64))
    torch.testing.assert_close(path.norm(dim=1), torch.full((11,), 5.0, dtype=torch.float64))
    steps = path.diff(dim=0).norm(dim=1)
    torch.testing.assert_close(steps, steps[:1].expand(10))
    assert torch.lerp(one, other, 0.5).norm() < 4.5


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 0.0])
def test_codes_without_a_great_circle_are_joined_by_a_straight_line(factor: float) -> None:
    one, steps = torch.tensor([1.0, 2.0], dtype=torch.float64), torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64)
    path = slerp(one, factor * one, steps)
    torch.testing.assert_close(path, one * (1 + steps[:, None] * (factor - 1)))


def test_the_manifold_is_at_the_priors_quantiles(tmp_path: Path) -> None:
    codes = manifold_codes(subject_of(tmp_path, "vae", "digits", latent_dim=2))
    assert codes.shape == (20, 20, 2)
    probability = 0.5 * (1 + torch.erf(codes / math.sqrt(2)))
    middles = (torch.arange(20, dtype=torch.float64) + 0.5) / 20
    torch.testing.assert_close(probability[:, :, 0], middles.expand(20, 20))  # z₁ rises to the right
    torch.testing.assert_close(probability[:, :, 1], middles.flip(0)[:, None].expand(20, 20))  # z₂ falls downwards
    centre, deviation = torch.tensor([3.0, -1.0]).double(), torch.tensor([2.0, 0.5]).double()
    torch.testing.assert_close(quantile_grid(Scale(centre, deviation), 20), centre + deviation * codes)


def test_a_traversal_passes_through_the_reconstruction(subject: FigureContext) -> None:
    found = Traversal(subject)
    middle = OFFSETS.tolist().index(0.0)
    original = reconstructed(subject, 0)
    for row in found.images[:, middle]:
        torch.testing.assert_close(row, original[0], atol=1e-6, rtol=0)
    moved = found.codes[:, -1] - found.codes[:, 0]
    expected = torch.zeros_like(moved)
    expected[torch.arange(len(found.dims)), found.dims] = 6 * found.scale.deviation[found.dims]
    torch.testing.assert_close(moved, expected)
    measure = found.measure[found.dims]
    assert (measure.diff() <= 0).all()


def test_the_gif_goes_there_and_back(subject: FigureContext, tmp_path: Path) -> None:
    with torch.no_grad():
        figures.traversal_gif(subject, tmp_path / "t.gif", frames=5)
    with Image.open(tmp_path / "t.gif") as picture:
        assert picture.n_frames == 8  # type: ignore[attr-defined]
        assert picture.width > picture.height >= 96


def test_the_projection_is_the_singular_value_decomposition(subject: FigureContext) -> None:
    codes = subject.posteriors.mean
    centred = codes - codes.mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    plane = latent_plane(subject)
    torch.testing.assert_close(plane.points.abs(), (u[:, :2] * s[:2]).abs())
    share = (s[:2].square().sum() / s.square().sum()).item()
    assert plane.title.endswith(f"PCA: {100 * share:.0f} % of the variance of 6 latents")
    assert plane.classes is not None
    assert torch.equal(plane.classes, subject.test.y)  # type: ignore[arg-type]
    axes = principal_axes(codes)
    torch.testing.assert_close(axes.vectors.T @ axes.vectors, torch.eye(2, dtype=torch.float64))


def test_two_latents_are_their_own_plane(tmp_path: Path) -> None:
    subject = subject_of(tmp_path, "vae", "digits", latent_dim=2)
    plane = latent_plane(subject)
    assert torch.equal(plane.points, subject.posteriors.mean)
    assert plane.names == ["z₁", "z₂"]


def test_kl_and_active_units_are_the_metrics(tmp_path: Path) -> None:
    subject = subject_of(tmp_path, "vae", "digits", latent_dim=6)
    found = posteriors(subject.latent_model, subject.test)
    results = evaluate(subject.model, subject.test, find_metrics(registry(), ["kl", "active-units"]))
    assert found.kl is not None
    assert found.kl.sum().item() == pytest.approx(results["kl"], rel=1e-5)
    assert int((found.variance > ACTIVE).sum()) == results["active_units"]
    assert found.ranking().tolist() == sorted(range(6), key=lambda d: -float(found.kl[d]))  # type: ignore[index]


def test_points_of_three_dimensions_are_seen_from_three_sides() -> None:
    x = torch.randn(10, 3)
    views = planes(x, 2 * x)
    assert [(across, up) for across, up, _ in views] == [("x₁", "x₂"), ("x₁", "x₃"), ("x₂", "x₃")]
    torch.testing.assert_close(views[1][2][1], 2 * x[:, [0, 2]].double())


def test_a_figure_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of(tmp_path, "vae", "digits")
    assert isinstance(subject.model, LatentModel)

    def fail(z: Tensor) -> Tensor:
        raise RuntimeError("no decoder today")

    monkeypatch.setattr(subject.model, "decode", fail)
    failures = figures.draw_all(subject.run, subject.model, subject.view)
    assert failures == [
        f"figure {name} could not be drawn: RuntimeError: no decoder today"
        for name in ("reconstructions", "traversals", "interpolations")
    ]
    assert (tmp_path / "figures" / "latent.png").exists()


MATPLOTLIB = """
import hashlib, os, sys
from pathlib import Path
import torch
from genzoo.figures.draw import save_grid, scatter
generator = torch.Generator().manual_seed(0)
save_grid(Path("grid.png"), torch.rand(9, 1, 8, 8, generator=generator), "z₁ − x")
assert "matplotlib" not in sys.modules
scatter(Path("points.png"), None, torch.rand(9, 2, generator=generator), "z₁ − x")
import matplotlib
both = Path("grid.png").read_bytes() + Path("points.png").read_bytes()
print(hashlib.md5(both).hexdigest(), os.environ.get("MPLBACKEND"))
"""
OWN_SETTINGS = {
    "nothing": ({}, ""),
    "a notebook": ({"MPLBACKEND": "module://matplotlib_inline.backend_inline"}, ""),
    "no backend": ({"MPLBACKEND": "nonsense"}, ""),
    "latex": ({}, "text.usetex: True\n"),
    "style": ({}, "font.family: Nonesuch\nsavefig.bbox: tight\nsavefig.dpi: 30\nimage.interpolation: bilinear\n"),
    "no home": ({"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "MPLCONFIGDIR": "/proc/nope"}, ""),
}


@pytest.mark.long
def test_what_the_user_has_set_of_matplotlib_changes_no_picture(tmp_path: Path) -> None:
    found = {}
    for name, (variables, settings) in OWN_SETTINGS.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "matplotlibrc").write_text(settings)
        clean = {key: value for key, value in os.environ.items() if not key.startswith("MPL")}
        words = [sys.executable, "-c", MATPLOTLIB]
        done = subprocess.run(words, env=clean | variables, cwd=folder, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        digest, backend = done.stdout.split()
        assert backend == variables.get("MPLBACKEND", "None")
        found[name] = digest
    assert len(set(found.values())) == 1, found


def test_settings_of_the_program_stay_and_change_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    points = torch.rand(4, 2, generator=torch.Generator().manual_seed(0))
    scatter(tmp_path / "plain.png", None, points, "title")
    for name, value in {"text.usetex": True, "figure.facecolor": "black", "savefig.transparent": True}.items():
        monkeypatch.setitem(matplotlib.rcParams, name, value)
    before = dict(matplotlib.rcParams)
    scatter(tmp_path / "set.png", None, points, "title")
    assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "set.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_every_pixel_of_a_grid_is_a_square_of_whole_pixels(tmp_path: Path) -> None:
    images = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).expand(4, 1, 2, 2)
    figures.save_grid(tmp_path / "grid.png", images, "four")
    with Image.open(tmp_path / "grid.png") as picture:
        levels = torch.from_numpy(np.array(picture.convert("L")))
    factor = int(6 * DPI) // 7  # two images of two pixels, and three of white around them
    grid = levels[-7 * factor - MARGIN : -MARGIN, MARGIN : MARGIN + 7 * factor]
    blocks = grid.unfold(0, factor, factor).unfold(1, factor, factor)
    assert torch.equal(blocks.amin((2, 3)), blocks.amax((2, 3)))
    white, black = 255, 0
    row = [[white, black, white, white, black, white, white], [white, white, black, white, white, black, white]]
    expected = [[white] * 7, *row, [white] * 7, *row, [white] * 7]
    assert blocks[:, :, 0, 0].tolist() == expected


def test_names_stand_beside_their_rows_and_below_their_columns(tmp_path: Path) -> None:
    def dark(rows: Labels, columns: Labels) -> Tensor:
        save_grids(tmp_path / "s.png", [torch.ones(40, 60, 3)], "", 3, rows, columns)
        with Image.open(tmp_path / "s.png") as picture:
            levels = torch.from_numpy(np.array(picture.convert("L")))
        return (levels < 128).nonzero().double()

    factor = 3 * DPI // 60
    beside = dark(Labels([30.0], ["H"]), Labels((), ()))
    assert beside[:, 0].mean().item() == pytest.approx(MARGIN + 30 * factor, abs=3)
    below = dark(Labels((), ()), Labels([45.0], ["H"]))
    assert below[:, 1].mean().item() == pytest.approx(MARGIN + 45 * factor, abs=2)
    assert below[:, 0].min() > MARGIN + 40 * factor


def test_a_title_is_never_cut_off(tmp_path: Path) -> None:
    for title in ("short", "long " * 60):
        figures.save_grid(tmp_path / f"{len(title)}.png", torch.rand(1, 1, 4, 4), title)
    with Image.open(tmp_path / "5.png") as short, Image.open(tmp_path / "300.png") as long:
        assert short.width <= 6 * DPI + 2 * MARGIN < long.width
        right = np.array(long.convert("L"))[:, -MARGIN:]
    assert (right == 255).all()


def test_the_figures_of_a_run_on_images_start_no_matplotlib(tmp_path: Path) -> None:
    code = f"import sys; sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}\n{RUN}"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=100)
    assert done.stdout.split() == ["[]", "8", "False"], done.stderr


RUN = """
from pathlib import Path
from test_figures import figures, subject_of
made = subject_of(Path(sys.argv[1]), "vae", "digits", latent_dim=2)
print(figures.draw_all(made.run, made.model, made.view), len(list(Path(sys.argv[1], "figures").iterdir())))
print("matplotlib" in sys.modules)
"""
