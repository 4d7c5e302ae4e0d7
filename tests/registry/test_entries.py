"""The registry: names, globs, suggestions, and names that two packages claim."""

from __future__ import annotations

import random
from importlib import metadata

import pytest
from plugin_factory import Site, registering

import genzoo
from genzoo.core.errors import PluginError, UsageError
from genzoo.registry import current as registry
from genzoo.registry.entries import KINDS, Entry, Kind, Origin, Registry, describe
from genzoo.runs.config import Components


def message(kind: registry.Kind, name: str) -> str:
    with pytest.raises(UsageError) as refused:
        registry.registry().get(kind, name)
    return str(refused.value)


@pytest.fixture(params=range(6))
def shuffled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Discovery in another order, as another file system may have it."""
    found = metadata.distributions

    def distributions() -> list[metadata.Distribution]:
        every = list(found())
        random.Random(request.param).shuffle(every)
        return every

    monkeypatch.setattr(metadata, "distributions", distributions)


@pytest.mark.usefixtures("shuffled")
@pytest.mark.parametrize("installed", [("one", "two"), ("two", "one")], ids=" then ".join)
def test_two_packages_one_name(site: Site, installed: tuple[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    versions = {"one": "1.0", "two": "2.5"}
    for package in installed:
        source = registering("shared") + f"    register('only-{package}', 'a:B', summary='', loss='elbo')\n"
        site.add(source, package, versions[package])
    found = registry.registry()
    assert message("model", "shared") == (
        "model 'shared' is claimed by one 1.0 and two 2.5\n  type one/shared\n  type two/shared"
    )
    assert [line for line in capfd.readouterr().err.splitlines() if "claimed" in line] == [
        "genzoo: model 'shared' is claimed by one 1.0 and two 2.5 (type one/shared or two/shared, or uninstall one)"
    ]
    for package, version in versions.items():
        assert str(found.get("model", f"{package}/shared").origin) == f"{package} {version}"
        assert found.get("model", f"only-{package}").origin.distribution == package
    assert found.get("model", "vae").origin.distribution == "genzoo"
    assert found.names("model").count("shared") == 1


@pytest.mark.usefixtures("shuffled")
def test_a_builtin_cannot_be_replaced_by_a_package(site: Site) -> None:
    site.add(registering("vae"), "aaa-shadow", "9.9")
    found = registry.registry()
    assert f"claimed by aaa-shadow 9.9 and genzoo {genzoo.__version__}" in message("model", "vae")
    assert found.get("model", "genzoo/vae").target == "genzoo_plugins.vae.vae:VAE"
    assert found.get("model", "aaa-shadow/vae").target == "nowhere.at_all:Class"
    assert found.get("model", "ae").origin.distribution == "genzoo"


def test_a_package_that_claims_a_loss_does_not_break_the_models_of_others(site: Site) -> None:
    site.add(registering("elbo", "loss"), "shadow")
    site.add(registering("theirs", loss="elbo"), "other")
    site.add(registering("mine", loss="own") + "\n" + registering("own", "loss"), "complete")
    site.add(registering("own", "loss"), "shadow-too")
    found = registry.registry()
    assert "claimed by" in message("loss", "elbo")
    expected = {"vae": "genzoo/elbo", "theirs": "genzoo/elbo", "mine": "complete/own"}
    assert {name: found.loss_of(found.get("model", name)).full_name for name in expected} == expected
    components = Components.find(found, "vae", "digits")
    assert components.names == ("vae", "genzoo/elbo", "digits")  # as the run's config will name them again


def test_one_name_for_two_kinds_is_no_clash(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    site.add(registering("shared"), "one")
    site.add(registering("shared", "dataset"), "two")
    assert registry.registry().get("model", "shared").origin.distribution == "one"
    assert registry.registry().get("dataset", "shared").origin.distribution == "two"
    assert "claimed" not in capfd.readouterr().err


def test_a_package_whose_two_plugins_claim_one_name_keeps_the_first(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = (site.add(registering("shared", target=f"{m}:C"), f"placeholder-{m}") for m in "ab")
    for folder in site.folder.glob("placeholder*"):
        (folder / "entry_points.txt").write_text("")
    site.add_metadata("twice", "1.0", f"[genzoo]\nzz = {second}\naa = {first}\n")
    assert registry.registry().get("model", "shared").target == "a:C"
    assert "plugin zz of twice 1.0 is disabled: model 'shared' is registered twice" in capfd.readouterr().err


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
