"""Every figure that applies to a model and a form of data is drawn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from figure_contexts import SHAPES, subject_of
from PIL import Image
from torch import Tensor

from genzoo.core.dataset import DataSpec
from genzoo.core.model import Density, LatentModel, Model
from genzoo.core.parts import Figure
from genzoo.figures import draw as figures
from genzoo.figures.context import FigureContext
from genzoo.registry.current import register_part, registry
from genzoo.registry.entries import Entry, Origin
from genzoo.registry.parts import figures as registered

pytestmark = pytest.mark.usefixtures("drawn_figures")

CPU = torch.device("cpu")

ALL = {"samples", "reconstructions", "latent", "curves"}


def expected(name: str, form: str, latents: int) -> set[str]:
    """The figures that make sense."""
    found = set(ALL)
    if name != "ae":
        found |= {"kl-per-dim"} | ({"manifold"} if latents == 2 and form != "vectors" else set())
    return found | ({"traversals", "interpolations"} if len(SHAPES[form]) == 3 else set())


QUICK = [
    ("ae", "mnist-shaped", 20), ("ae", "moons", 20), ("conv-vae", "colour", 20), ("vae", "digits", 2),
    ("vae", "moons", 2), ("vae", "vectors", 20),
]  # fmt: skip
"""Each form of data and each model's class once."""
CASES = [
    pytest.param(name, form, latents, marks=[] if (name, form, latents) in QUICK else pytest.mark.long)
    for name in ("ae", "vae", "beta-vae", "conv-vae")
    for form in SHAPES
    for latents in (1, 2, 20)
    if name != "conv-vae" or form in ("mnist-shaped", "colour")
    if latents == 20 or (name, form) in (("vae", "digits"), ("vae", "moons"), ("ae", "moons"))
]


@pytest.mark.every(2)
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


@pytest.mark.long
def test_the_figures_of_a_run_on_images_start_no_matplotlib(tmp_path: Path) -> None:
    code = f"import sys; sys.path[:0] = {sys.path!r}\n{RUN}"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=100)
    assert done.stdout.split() == ["[]", "8", "False"], done.stderr


RUN = """
from pathlib import Path
from figure_contexts import subject_of
from genzoo.figures import draw as figures
made = subject_of(Path(sys.argv[1]), "vae", "digits", latent_dim=2)
print(figures.draw_all(made.run, made.model, made.view), len(list(Path(sys.argv[1], "figures").iterdir())))
print("matplotlib" in sys.modules)
"""


class Mean(Figure):
    """The mean of the test images: of every model of images, whatever it can do."""

    def applies(self, context: FigureContext) -> bool:
        return context.model.spec.is_image

    def draw(self, context: FigureContext, path: Path) -> None:
        assert not torch.is_grad_enabled()
        assert not context.model.training
        path.with_suffix(".txt").write_text(f"{torch.rand(()).item()}")
        figures.save_grid(path, context.originals(torch.arange(8)).mean(0, keepdim=True), "mean")


class OfDensities(Mean):
    needs = Density

    def applies(self, context: FigureContext) -> bool:
        return Figure.applies(self, context)


def test_a_plugin_registers_a_figure_which_asks_for_what_it_needs(tmp_path: Path) -> None:
    """It is drawn with the noise of its name, after genzoo's own, and a name of two packages is two files."""
    register_part("figure", "mean", Mean, summary="the mean image")
    register_part("figure", "of-densities", OfDensities, summary="for densities")
    registry().add([Entry("figure", "mean", Mean, "another", Origin("other", "1", "other"))])
    subject = subject_of(tmp_path, "vae", "digits")
    assert figures.draw_all(subject.run, subject.model, subject.view) == []
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    mine = {name for name in drawn if "mean" in name}
    assert mine == {f"{one}-mean.{ending}" for one in ("notebook", "other") for ending in ("png", "txt")}
    assert {Path(name).stem for name in drawn - mine} == expected("vae", "digits", 20)
    first = (tmp_path / "figures" / "notebook-mean.txt").read_text()
    figures.draw_all(subject.run, subject.model, subject.view)
    assert (tmp_path / "figures" / "notebook-mean.txt").read_text() == first
    assert (tmp_path / "figures" / "other-mean.txt").read_text() != first
    names = list(registered())
    assert names[:2] == ["samples", "reconstructions"]
    assert names[-3:] == ["notebook-mean", "of-densities", "other-mean"]


@pytest.mark.long
def test_a_figure_that_cannot_be_imported_is_one_line(tmp_path: Path) -> None:
    registry().add([Entry("figure", "broken", "no_such_module:Figure", "broken", Origin("other", "1", "other"))])
    subject = subject_of(tmp_path, "vae", "moons")
    (line,) = figures.draw_all(subject.run, subject.model, subject.view)
    assert line.startswith("figure broken could not be drawn: ")
    assert (tmp_path / "figures" / "samples.png").exists()
