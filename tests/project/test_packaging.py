"""genzoo and a third party's plugin, installed as wheels and editable, together, and uninstalled again.

They are in the long suite; `.ci/run` runs the first form.
"""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from environment import Environment, make_environment
from hatchling.builders.sdist import SdistBuilder

import genzoo

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests/third_party/genzoo-example"

USE = """
import torch
from genzoo import Batch
from genzoo.registry.current import registry
load = {kind: registry().get(kind, name).load() for kind, name in
        {"model": "laplace-vae", "loss": "elbo-free-bits", "dataset": "ring"}.items()}
ring = load["dataset"](load["dataset"].Config())
model = load["model"](ring.spec, load["model"].Config())
loss = load["loss"](model, load["loss"].Config())
print(loss(model, Batch(ring.load(None).train.x[:8]), torch.tensor(0))["loss"].isfinite().item())
"""
OFFERED = {
    "model genzoo-example/laplace-vae",
    "loss genzoo-example/elbo-free-bits",
    "dataset genzoo-example/ring",
    "metric genzoo-example/code-sparseness",
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return make_environment(tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="module")
def wheel(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    environment.pip(
        "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, str(ROOT)
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(params=["wheel", "editable"], ids="genzoo-{}".format, scope="module")
def installed(request: pytest.FixtureRequest, environment: Environment, wheel: Path) -> Iterator[Environment]:
    """An environment with genzoo installed as a wheel or editable."""
    environment.install(*([wheel] if request.param == "wheel" else ["--editable", ROOT]))
    home = environment.packages if request.param == "wheel" else ROOT
    files, _ = environment.look()
    assert all(path.is_relative_to(home) for path in files)
    yield environment
    environment.pip("uninstall", "--quiet", "--yes", "genzoo")


@pytest.mark.long
def test_the_wheel_holds_core_plugins_types_and_entry_points(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        information = f"genzoo-{genzoo.__version__}.dist-info"
        entry_points = archive.read(f"{information}/entry_points.txt").decode()
    sources = {f"genzoo/{path.relative_to(ROOT / 'genzoo').as_posix()}" for path in (ROOT / "genzoo").rglob("*.py")}
    plugins = ROOT / "plugins"
    sources |= {path.relative_to(plugins).as_posix() for path in plugins.rglob("*.py")}
    assert sources | {"genzoo/py.typed", "genzoo_plugins/py.typed"} <= names
    assert {name.partition("/")[0] for name in names} == {"genzoo", "genzoo_plugins", information}
    assert "[genzoo]" in entry_points
    assert "vae = genzoo_plugins.vae" in entry_points
    assert "genzoo = genzoo.cli.main:main" in entry_points


@pytest.mark.long
def test_the_source_distribution_has_every_file_of_the_checkout(tmp_path: Path) -> None:
    """Its tests read `.ci` and `.github` too."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git checkout")
    (built,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path))
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert set(listed.stdout.splitlines()) - names == set()


@pytest.mark.long
@pytest.mark.parametrize(
    ("installed", "form"),
    [("wheel", ["--editable"]), ("wheel", []), ("editable", []), ("editable", ["--editable"])],
    indirect=["installed"],
    ids=["wheel-editable", "wheel-wheel", "editable-wheel", "editable-editable"],
)
def test_a_third_party_plugin_is_found_and_works_until_it_is_uninstalled(
    installed: Environment, form: list[str]
) -> None:
    _, before = installed.look()
    assert "model genzoo/vae" in before
    assert not before & OFFERED
    installed.install(*form, EXAMPLE)
    try:
        assert installed.look()[1] == before | OFFERED
        assert installed.python("-c", USE).strip() == "True", "its model, loss and dataset work together"
    finally:
        installed.pip("uninstall", "--quiet", "--yes", "genzoo-example")
    assert installed.look()[1] == before
