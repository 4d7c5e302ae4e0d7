"""The registry of this process, and registration from a notebook or a file."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest
from plugin_factory import Site, registering

import genzoo
from genzoo.core.errors import PluginError, UsageError
from genzoo.registry import current as registry
from genzoo.registry import discovery


class TestNotebook:
    """genzoo.register_model and its like: no packaging, and a cell may be run again."""

    def test_registering_again_replaces(self, site: Site) -> None:
        first, second = type("First", (), {}), type("Second", (), {})
        genzoo.register_model("mine", first, loss="elbo", summary="one")
        genzoo.register_model("mine", second, loss="reconstruction", summary="two", loss_options={"beta": 2.0})
        found = registry.registry().get("model", "mine")
        assert (found.load(), found.loss, found.summary, found.loss_options) == (
            second,
            "reconstruction",
            "two",
            {"beta": 2.0},
        )
        assert genzoo.list_models("mine") == ["mine"]
        assert found.full_name == "notebook/mine"

    def test_losses_and_datasets(self, site: Site) -> None:
        genzoo.register_loss("mine", int, summary="a loss")
        genzoo.register_dataset("mine", str, paper="a paper")
        found = registry.registry()
        assert found.get("loss", "mine").load() is int
        assert found.get("dataset", "mine").paper == "a paper"

    def test_a_builtin_name_is_a_clash(self, site: Site) -> None:
        genzoo.register_model("vae", int, loss="elbo")
        with pytest.raises(UsageError, match=r"'vae' is claimed by genzoo .* and notebook"):
            registry.registry().get("model", "vae")
        assert registry.registry().get("model", "notebook/vae").load() is int

    def test_a_bad_name_registers_nothing(self, site: Site) -> None:
        with pytest.raises(PluginError, match="'My_VAE' is not kebab-case"):
            genzoo.register_model("My_VAE", int, loss="elbo")
        assert not [e for e in registry.registry().entries if e.origin.distribution == "notebook"]

    def test_reset_forgets(self, site: Site) -> None:
        genzoo.register_model("mine", int, loss="elbo")
        registry.reset()
        assert "mine" not in genzoo.list_models()


@pytest.mark.parametrize("time", range(3))
def test_each_test_finds_the_registry_as_it_was_before_the_others(time: int, tmp_path: Path) -> None:
    """Whatever they register, load or forget: see `tests/conftest.py`."""
    assert not {"left-behind", "of-a-file"} & set(genzoo.list_models())
    assert "left" not in [plugin.origin.plugin for plugin in discovery.plugins]
    if time != 1:
        registry.reset()
    genzoo.register_model("left-behind", int, loss="elbo")
    (tmp_path / "left.py").write_text(registering("of-a-file"))
    genzoo.load_plugin(tmp_path / "left.py")
    registry.registry().entries.pop(0)


def test_list_models_has_each_name_once_and_sorted(site: Site) -> None:
    site.add(registering("vae"), "shadow")
    names = genzoo.list_models()
    assert names == sorted(set(names))
    assert genzoo.list_models("*beta*") == ["beta-tc-vae", "beta-vae"]


FILE = """
import genzoo
from genzoo_plugins.toy.moons import Moons

class Mine(Moons):
    answer = {answer}

@genzoo.hookimpl
def register_datasets(register):
    register("{name}", f"{{__name__}}:Mine", summary="{answer}")
"""


def test_a_file_loaded_again_takes_its_own_place(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.py"
    for answer in (1, 2):
        file.write_text(dedent(FILE.format(answer=answer, name="mine")))
        os.utime(file, (1, 1))  # as if both were written in one second
        assert genzoo.load_plugin(file) == ("dataset mine",)
        entry = registry.registry().get("dataset", "mine")
        assert (entry.load().answer, entry.summary) == (answer, str(answer))
    monkeypatch.chdir(tmp_path)
    file.write_text(dedent(FILE.format(answer=3, name="other")))
    assert genzoo.load_plugin("mine.py") == ("dataset other",)  # the same file, by another path
    assert [plugin.origin.plugin for plugin in discovery.plugins].count("mine") == 1
    assert not registry.registry().called("mine")


def test_a_file_that_breaks_leaves_what_was_there(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(dedent(FILE.format(answer=1, name="mine")))
    genzoo.load_plugin(file)
    file.write_text("import genzoo\nraise RuntimeError('half written')\n")
    with pytest.raises(PluginError, match="RuntimeError: half written"):
        genzoo.load_plugin(file)
    assert registry.registry().get("dataset", "mine").load().answer == 1


def test_a_notebooks_metric_is_there_by_its_name(site: Site) -> None:
    from genzoo_plugins.metrics.codes import MSE

    for summary in ("one", "two"):
        genzoo.register_metric("mine", MSE, summary=summary)
    (entry,) = registry.registry().called("mine")
    assert (entry.kind, entry.summary, entry.load()) == ("metric", "two", MSE)
