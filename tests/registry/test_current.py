"""The registry: names, globs, suggestions, and registering from a notebook."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugin_factory import Site, registering

import genzoo
from genzoo.core.errors import PluginError, UsageError
from genzoo.registry import current as registry
from genzoo.registry import discovery
from genzoo.registry.entries import KINDS, Entry, Kind, Origin, Registry, describe

HERE = Origin("package", "1.0", "plugin")


def entry(name: str, kind: Kind = "model", distribution: str = "package") -> Entry:
    return Entry(kind, name, "nowhere:Class", "a summary", Origin(distribution, "1.0", "plugin"))


@pytest.fixture
def few() -> Registry:
    made = Registry()
    made.add(map(entry, ("vae", "beta-vae", "iwae", "flow")))
    made.add([entry("elbo", "loss")])
    return made


@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [("vea", "'vae'"), ("beta_vae", "'beta-vae'"), ("bvae", "'vae'"), ("FLOW", "'flow'"), ("flw", "'flow'")],
)
def test_a_misspelt_name_is_answered_with_the_nearest(few: Registry, typed: str, suggestion: str) -> None:
    with pytest.raises(UsageError) as refused:
        few.get("model", typed)
    assert refused.value.message.startswith(f"no model named {typed!r}. Did you mean ")
    assert suggestion in refused.value.message
    assert refused.value.hint == "known: beta-vae, flow, iwae, vae\nplugin not installed? genzoo plugins"


def test_an_unlike_name_gets_the_list_alone(few: Registry) -> None:
    with pytest.raises(UsageError, match=r"^no model named 'transformer'\.\n  known: beta-vae") as refused:
        few.get("model", "transformer")
    assert "Did you mean" not in str(refused.value)


def test_kinds_do_not_mix(few: Registry) -> None:
    assert few.get("loss", "elbo").kind == "loss"
    with pytest.raises(UsageError, match="no model named 'elbo'"):
        few.get("model", "elbo")
    with pytest.raises(UsageError, match="known: none"):
        few.get("dataset", "elbo")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*", ["beta-vae", "flow", "iwae", "vae"]),
        ("*vae*", ["beta-vae", "vae"]),
        ("?wae", ["iwae"]),
        ("[bf]*", ["beta-vae", "flow"]),
        ("VAE", []),
        ("", []),
        ("[", []),
    ],
)
def test_globs(few: Registry, pattern: str, names: list[str]) -> None:
    assert [found.name for found in few.matching("model", pattern)] == names


def test_add_is_all_or_nothing(few: Registry) -> None:
    before = list(few.entries)
    for bad in (entry("Bad Name"), entry("vae"), entry("new")):
        with pytest.raises(PluginError):
            few.add([entry("new"), bad])
        assert few.entries == before


def test_a_name_of_two_packages_belongs_to_neither_in_either_order() -> None:
    messages = set()
    for distributions in (("one", "two"), ("two", "one")):
        made = Registry()
        for distribution in distributions:
            made.add([entry("shared", distribution=distribution)])
        with pytest.raises(UsageError) as refused:
            made.get("model", "shared")
        messages.add(str(refused.value))
        assert [e.full_name for e in made.clashes()["model", "shared"]] == ["one/shared", "two/shared"]
        assert made.get("model", "two/shared").origin.distribution == "two"
        assert made.names("model") == ("shared",)
        assert [made.spelling(e) for e in made.entries] == [e.full_name for e in made.entries]
    assert messages == {"model 'shared' is claimed by one 1.0 and two 1.0\n  type one/shared\n  type two/shared"}


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
    assert "left" not in [plugin.origin.plugin for plugin in discovery.found]
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


def test_every_registered_entry_loads_and_says_what_it_is() -> None:
    for kind in KINDS:
        for found in registry.registry().matching(kind):
            assert found.load().__doc__, f"{found.full_name} has no docstring"
            assert found.summary == found.summary.strip() != ""
            assert "\n" not in found.summary


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one"), "ValueError: one"),
        (ValueError(" one\n\n  two "), "ValueError: one two"),
        (ValueError(), "ValueError"),
        (KeyError("name"), "KeyError: 'name'"),
    ],
)
def test_describe(error: Exception, line: str) -> None:
    assert describe(error) == line
