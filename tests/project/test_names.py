"""genzoo/ names no concrete model, loss, dataset or metric, and no option of a loss."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import genzoo
from genzoo.evaluation.order import key
from genzoo.registry.configs import field_names
from genzoo.registry.current import registry

PACKAGE = Path(genzoo.__file__).parent
WORDS = {
    "csv": "a file format",
    "denoising": "what genzoo denoise does",
    "folder": "a word of paths and options",
    "groups": "the parameter groups of an optimiser",
    "npz": "a file format",
    "objective": "what is minimised, in results and pages",
    "rate": "a role of metrics",
    "sigma": "a standard deviation",
    "text": "a word of arguments and pages",
    "version": "of a package",
    "reconstruction": "a word; the metric of this name is found by its role",
}
"""Registered names that are also words of the code, and what they mean there."""
EXCEPTIONS = {
    ("cli/run.py", "digits"): "the dataset of the help of a model: it is small and needs no file",
    ("cli/new_plugin.py", "digits"): "the same, in the commands that are suggested",
    ("cli/new_plugin.py", "moons"): "the same, for a model of vectors alone",
    ("figures/latent_scatter.py", "codes"): "a word of a title",
    ("core/array_inputs.py", "codes"): "the method of a tokeniser",
    ("experiment/notebook.py", "kernel"): "the attribute of IPython's shell in a notebook",
    ("sklearn.py", "vae"): "the default of an estimator: one needs no argument",
    ("cli/anomaly.py", "knn"): "the baseline of nearest neighbours, in the output of `genzoo anomaly`",
    ("experiment/training.py", "made"): "a key of a checkpoint's manifest: how it was made",
    ("experiment/resume.py", "made"): "the same key, read",
    ("runs/schema.py", "mse"): "a key of results.json, as in runs of every version",
    ("testing/model_checks.py", "kl"): "the name of a check",
    ("testing/model_checks.py", "modes"): "the name of a check",
}


def concrete_names() -> set[str]:
    """Return every registered name, as typed and as in results, and the options of losses."""
    entries = [entry for entry in registry().entries if entry.kind in ("model", "loss", "dataset", "metric")]
    options = {name for entry in entries if entry.kind == "loss" for name in field_names(entry.load().Config)}
    return {name for entry in entries for name in (entry.name, key(entry.name))} | options


def literals(source: str) -> Iterator[str]:
    """Yield the string literals of a module, also within f-strings, but no docstrings."""
    tree = ast.parse(source)
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in texts:
            yield node.value


def named(source: str, names: set[str]) -> set[str]:
    """Return the names that are literals of a module as a whole."""
    return {text for text in literals(source) if text in names}


def found() -> set[tuple[str, str]]:
    """Return each file of genzoo/ and each concrete name in it."""
    names = concrete_names() - set(WORDS)
    files = [file for file in PACKAGE.rglob("*.py") if file.name != "moved.py"]
    return {
        (file.relative_to(PACKAGE).as_posix(), name)
        for file in files
        for name in named(file.read_text(encoding="utf-8"), names)
    }


def test_genzoo_names_nothing_concrete() -> None:
    assert found() == set(EXCEPTIONS), "declare it on the class (Metric.role, Metric.baselines, Loss.rate_options, …)"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('x = results["mse"]', {"mse"}),
        ('names = {"kl": 1, "other": 2}', {"kl"}),
        ("text = f\"{results['mse']}\"", {"mse"}),
        ('"""mse"""\nx = "the mse of it"', set()),
    ],
)
def test_a_name_is_found_in_code_and_not_in_prose(source: str, names: set[str]) -> None:
    assert named(source, {"mse", "kl"}) == names
