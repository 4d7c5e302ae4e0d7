"""`genzoo new-plugin`: what it writes installs, passes its own tests and runs, and is the tested example."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from environment import Environment, make_environment

from genzoo.cli import scaffold
from genzoo.cli.main import main
from genzoo.core.hookspecs import API
from genzoo.registry.current import registry
from genzoo.registry.discovery import load_file
from genzoo.registry.entries import KINDS, Kind
from genzoo.testing import examine

ROOT = Path(__file__).parents[2]
NAMES: dict[Kind, str] = {"model": "deep-vae", "loss": "deep-bound", "dataset": "deep-data", "metric": "deep-metric"}
WITHOUT = {"launcher", "sampler", "quantiser", "nets", "optimizer", "schedule"}
"""Kinds of which there is no example to copy yet; `new-plugin` says so."""
LIKES = ("latent-model", "density", "flow", "closed-form", "game", "sampler")


def files_of(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = make_environment(tmp_path_factory.mktemp("environment"))
    made.install("--editable", ROOT)
    return made


OTHERS = {kind: f"deep-{kind}" for kind in scaffold.kinds() if kind not in NAMES}
PACKAGES = [(NAMES, ""), (OTHERS, ""), *(({"model": f"deep-{like}"}, like) for like in LIKES[1:])]


@pytest.mark.long
@pytest.mark.parametrize(("names", "like"), PACKAGES, ids=["with options", "others", *LIKES[1:]])
def test_the_package_installs_passes_its_own_tests_and_runs(
    names: dict[Kind, str], like: str, environment: Environment, tmp_path: Path
) -> None:
    package = f"genzoo-{like or next(iter(names))}-written"
    module = package.replace("-", "_")
    words = [f"--{kind}={name}" for kind, name in names.items()] + (["--like", like] if like else [])
    genzoo = [environment.folder / "bin/python", "-m", "genzoo"]
    said = environment.run([*genzoo, "new-plugin", package, *words], tmp_path)
    steps = said.partition("next:\n")[2].splitlines()
    assert steps[0].strip() == f"pip install -e {package}"
    environment.install("--editable", tmp_path / package)
    printed = ""
    for step in steps[1:]:
        program, *arguments = step.split()
        assert program == "genzoo"
        printed += environment.run([*genzoo, *arguments], tmp_path)
    assert printed.count(" 0 failed\n") == sum("check" in step for step in steps)
    assert names is not NAMES or "sparseness of the codes" in printed
    tested = environment.run([environment.folder / "bin/python", "-m", "pytest", "-q"], tmp_path / package)
    assert "passed" in tested
    checked = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "-p", module]
    assert "Success" in environment.run(checked, tmp_path / package)
    environment.pip("uninstall", "--quiet", "--yes", package)


@pytest.mark.parametrize("kind", scaffold.kinds())
def test_a_part_alone_brings_nothing_of_the_others(kind: Kind, tmp_path: Path) -> None:
    folder = scaffold.write_package(tmp_path, "genzoo-deep", {kind: "deep-one"})
    files = files_of(folder)
    assert len([name for name in files if name.startswith("genzoo_deep/") and name.endswith(".py")]) == 2
    registered = [
        f"{part.kind} {part.name}" for part in scaffold.parts_of("genzoo_deep", files["genzoo_deep/__init__.py"])
    ]
    assert registered == [f"{kind} deep-one"]
    assert f"\nGENZOO_API = {API}\n" in files["genzoo_deep/__init__.py"]
    refuse_left_overs("\n".join(files.values()))


def refuse_left_overs(text: str) -> None:
    """Neither names of the examples nor references to papers are left: whoever writes a plugin has their own."""
    assert not re.search(r"(?i)example_|genzoo_example|starter", text)
    assert not re.search(r"\b(19|20)\d\d\b|et al", text)
    for part in scaffold.parts():
        assert f'"{part.name}"' not in text
        assert not re.search(rf"\b{part.class_name}\b", text)


@pytest.mark.parametrize("like", LIKES)
def test_a_model_of_any_capability_brings_its_own_loss(like: str, tmp_path: Path) -> None:
    wanted = scaffold.completed({"model": "deep-one"}, like)
    files = files_of(scaffold.write_package(tmp_path, "genzoo-deep", wanted, like=like))
    init = files["genzoo_deep/__init__.py"]
    assert list(wanted) == (["model", "loss"] if like in ("game", "sampler") else ["model"])
    loss = {"latent-model": "elbo", "game": "deep-one-loss", "sampler": "deep-one-loss"}.get(like, "nll")
    assert f'loss="{loss}"' in init
    refuse_left_overs("\n".join(files.values()))


@pytest.mark.parametrize(
    ("wanted", "like", "only"),
    [
        ({"model": "deep-one", "loss": "deep-two"}, "game", ["class", "options", "builds", "gradients"]),
        ({"prior": "deep-one"}, "", []),
    ],
)
def test_what_is_written_passes_its_checks(
    wanted: dict[Kind, str], like: str, only: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, and of the model some checks; the long suite installs each package."""
    name = f"genzoo-{next(iter(wanted))}-written"
    folder = scaffold.write_package(tmp_path, name, wanted, like=like or scaffold.LIKE)
    monkeypatch.syspath_prepend(folder)
    plugin = load_file(folder / name.replace("-", "_") / "__init__.py", registry())
    assert [entry.name for entry in plugin.entries] == list(wanted.values())
    findings = list(examine(plugin.entries[0], only=only))
    assert {finding.verdict for finding in findings} <= {"PASS", "n/a"}, findings
    assert sum(finding.verdict == "PASS" for finding in findings) > 5


@pytest.mark.parametrize(
    ("model", "like"),
    [
        ("vae", "latent-model"),
        ("gan", "game"),
        ("wgan-gp", "game"),
        ("realnvp", "flow"),
        ("made", "density"),
        ("ppca", "closed-form"),
        ("flow-matching", "sampler"),
        ("density", "density"),
    ],
)
def test_a_model_is_like_the_example_of_its_capability(model: str, like: str) -> None:
    assert scaffold.like_of(model) == like
    assert like in scaffold.likes()


def test_every_kind_and_capability_has_an_example() -> None:
    assert set(KINDS) - set(scaffold.kinds()) <= WITHOUT
    assert tuple(scaffold.likes()) == LIKES


def test_the_code_is_the_examples_but_for_the_names(tmp_path: Path) -> None:
    written = files_of(scaffold.write_package(tmp_path, "genzoo-deep", NAMES))
    for module in ("model", "loss", "data", "metric"):
        theirs = scaffold.CITED.sub("", scaffold.source_of("genzoo_example", module)).split()
        mine = written[f"genzoo_deep/{module}.py"].split()
        differing = {(one, other) for one, other in zip(theirs, mine, strict=True) if one != other}
        assert all("Deep" in other for _, other in differing), differing


def test_a_model_with_a_loss_is_trained_by_it(tmp_path: Path) -> None:
    both = files_of(scaffold.write_package(tmp_path, "both", {"model": "deep-vae", "loss": "deep-bound"}))
    assert 'loss="deep-bound"' in both["both/__init__.py"]
    alone = files_of(scaffold.write_package(tmp_path, "alone", {"model": "deep-vae"}))
    assert 'loss="elbo"' in alone["alone/__init__.py"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("mine", "nothing to register\n  type: genzoo new-plugin mine --model my-model"),
        ("mine --model Mine", "model name 'Mine' is not kebab-case"),
        ("Mine --model mine", "plugin name 'Mine' is not kebab-case"),
        ("../mine --model mine", "plugin name '../mine' is not kebab-case"),
        ("2vae --model mine", "plugin name '2vae' is not kebab-case"),
        ("torch --model mine", "there is already a Python module torch\n  try genzoo-torch"),
        ("class --model mine", "there is already a Python module class"),
        ("mine --model vae", "there is already a model 'vae'\n  choose another name: --model NAME"),
        ("mine --model mine --loss mine", "two kinds have the same name"),
        ("mine --loss mine --like gan", "--like game is for a model\n  name it: --model my-model"),
        ("mine --model mine --like gam", "--like gam: no such model. Did you mean 'game'"),
        ("mine --model mine --loss bound --like made", "a density model is trained by a loss of genzoo"),
        ("there --model mine", "cannot make there: File exists\n  choose another name, or delete it"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    words: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    assert main(["new-plugin", *words.split()]) == 2
    assert capsys.readouterr().err.startswith(f"genzoo: {said}")
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]
