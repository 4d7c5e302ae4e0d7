"""`genzoo new-plugin`: what it writes installs, passes its own tests and runs, and is the tested example."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from environment import Environment, make_environment

from genzoo.cli import scaffold
from genzoo.cli.main import main
from genzoo.core.hookspecs import API
from genzoo.registry.discovery import HOOKS
from genzoo.registry.entries import WITH_OPTIONS, Kind

ROOT = Path(__file__).parents[2]
NAMES: dict[Kind, str] = {"model": "deep-vae", "loss": "deep-bound", "dataset": "deep-data", "metric": "deep-metric"}


def files_of(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = make_environment(tmp_path_factory.mktemp("environment"))
    made.install("--editable", ROOT)
    return made


@pytest.mark.long
def test_the_package_installs_passes_its_own_tests_and_runs(environment: Environment, tmp_path: Path) -> None:
    words = [f"--{kind}={name}" for kind, name in NAMES.items()]
    genzoo = [environment.folder / "bin/python", "-m", "genzoo"]
    said = environment.run([*genzoo, "new-plugin", "genzoo-deep", *words], tmp_path)
    steps = said.partition("next:\n")[2].splitlines()
    assert steps[0].strip() == "pip install -e genzoo-deep"
    environment.install("--editable", tmp_path / "genzoo-deep")
    for step in steps[1:]:
        program, *arguments = step.split()
        assert program == "genzoo"
        printed = environment.run([*genzoo, *arguments], tmp_path)
        if arguments[0] == "check":
            assert printed.endswith(" 0 failed\n")
    assert "sparseness of the codes" in printed
    tested = environment.run([environment.folder / "bin/python", "-m", "pytest", "-q"], tmp_path / "genzoo-deep")
    assert "passed" in tested
    checked = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "-p", "genzoo_deep"]
    assert "Success" in environment.run(checked, tmp_path / "genzoo-deep")
    environment.pip("uninstall", "--quiet", "--yes", "genzoo-deep")


@pytest.mark.parametrize("kind", WITH_OPTIONS)
def test_a_part_alone_brings_nothing_of_the_others(kind: Kind, tmp_path: Path) -> None:
    folder = scaffold.write_package(tmp_path, "genzoo-deep", {kind: NAMES[kind]})
    files = files_of(folder)
    assert len([name for name in files if name.startswith("genzoo_deep/") and name.endswith(".py")]) == 2
    tree = ast.parse(files["genzoo_deep/__init__.py"])
    hooks = [HOOKS[node.name] for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert hooks == [kind]
    text = "\n".join(files.values())
    assert f"\nGENZOO_API = {API}\n" in text
    assert "example_" not in text
    assert "genzoo_example" not in text
    for part in scaffold.parts_of((scaffold.example() / scaffold.PACKAGE / "__init__.py").read_text()).values():
        assert f'"{part.name}"' not in text
        assert part.class_name not in text


def test_the_code_is_the_examples_but_for_the_names(tmp_path: Path) -> None:
    written = files_of(scaffold.write_package(tmp_path, "genzoo-deep", NAMES))
    for path in (scaffold.example() / scaffold.PACKAGE).glob("[a-z]*.py"):
        theirs, mine = path.read_text().split(), written[f"genzoo_deep/{path.name}"].split()
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
