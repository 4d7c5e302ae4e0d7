"""`genzoo run --config` accepts the recipes of benchmarks/."""

from __future__ import annotations

from pathlib import Path

import pytest
from genzoo_plugins.parts.likelihoods import GREY_ROUNDING

from genzoo.cli.options import parse
from genzoo.cli.run import from_file
from genzoo.core.model import Model
from genzoo.registry.current import registry
from genzoo.runs.build import view_spec
from genzoo.runs.config import Components

RECIPES = sorted((Path(__file__).parents[2] / "benchmarks/recipes").glob("*.toml"))


def resolved(path: Path) -> tuple[Components, Model]:
    """Return a recipe's model with its initial weights, and its training options."""
    names, words = from_file(path)
    components = Components.find(registry(), **names)
    config = parse(components, words, [], str(path))
    spec = view_spec(components.dataset.load()(config.data_config), config.training)
    return components, components.model.load()(spec, config.model_config)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_resolves(path: Path) -> None:
    components, model = resolved(path)
    assert components.loss.load().refuses(model) is None


def test_the_dense_recipes_have_the_layers_in_their_comments() -> None:
    widths = {}
    for path in RECIPES:
        _, model = resolved(path)
        shapes = [tuple(parameter.shape) for parameter in model.parameters() if parameter.dim() == 2]
        widths[path.stem] = [inputs for _, inputs in shapes] + [shapes[-1][0]]
    assert widths["dense-2d"] == [784, 128, 64, 32, 2, 128, 64, 784]
    assert widths["dense-10d"] == [784, 128, 64, 10, 64, 128, 784]


def test_the_convolutional_recipe_has_the_layers_in_its_comment() -> None:
    _, model = resolved(next(path for path in RECIPES if path.stem == "tutorial-conv"))
    shapes = {tuple(parameter.shape) for parameter in model.parameters() if parameter.dim() > 1}
    down = {(32, 1, 3, 3), (64, 32, 3, 3), (4, 64 * 7 * 7)}  # two means and two log-variances
    up = {(32 * 7 * 7, 2), (32, 64, 3, 3), (64, 32, 3, 3)}  # transposed convolutions have inputs first
    assert down <= shapes
    assert up <= shapes


def test_the_floor_of_the_variance_is_the_rounding_of_a_grey_level() -> None:
    _, model = resolved(next(path for path in RECIPES if path.stem == "gaussian-decoder"))
    floor = float(model.spec.likelihood.partition(":")[2])
    assert floor == pytest.approx(GREY_ROUNDING / 0.3081, rel=0.02)  # MNIST's standard deviation, 78.6/255
