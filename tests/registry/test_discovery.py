"""Finding and loading plugins that work."""

from __future__ import annotations

import ast
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from plugin_factory import Site, registering, run_python

from genzoo.core.errors import PluginError, UsageError
from genzoo.registry import current as registry
from genzoo.registry import discovery

ROOT = Path(__file__).parents[2]
TABLE = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["genzoo"]
REINSTALL = "type: pip install -e ."


def test_every_builtin_folder_is_an_entry_point_and_the_reverse() -> None:
    folders = {path.parent.name for path in (ROOT / "plugins/genzoo_plugins").glob("*/__init__.py")}
    missing, stale = folders - TABLE.keys(), TABLE.keys() - folders
    assert not missing, f"add {sorted(missing)} to [project.entry-points.genzoo] of pyproject.toml, then {REINSTALL}"
    assert not stale, (
        f"no such folder in plugins/genzoo_plugins: {sorted(stale)}; mend pyproject.toml, then {REINSTALL}"
    )
    assert {name: f"genzoo_plugins.{name}" for name in folders} == TABLE, "an entry point is called like its folder"


def test_the_installed_entry_points_are_those_of_pyproject() -> None:
    installed = {
        point.name: point.value for point in metadata.distribution("genzoo").entry_points.select(group="genzoo")
    }
    assert installed == TABLE, f"this checkout was installed before pyproject.toml changed; {REINSTALL}"


def test_the_core_never_imports_a_plugin() -> None:
    for path in sorted((ROOT / "genzoo").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                imported = [node.module or ""]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isprintable():
                imported = [node.value]  # an import string
            assert not [name for name in imported if name.startswith("genzoo_plugins")], f"{path}:{node.lineno}"


CATALOGUE = """
import sys, time
import genzoo
names = genzoo.list_models()
heavy = {"torch", "numpy", "torchvision"} & sys.modules.keys()
print(time.process_time(), len(names), *heavy)
"""


def catalogue(*folders: Path) -> tuple[float, int]:
    """Seconds of processor time that the list of models takes in a new process, and how many there are."""
    result = run_python(CATALOGUE, *folders)
    assert result.returncode == 0, result.stderr
    seconds, models, *heavy = result.stdout.split()
    assert heavy == [], "the list of models imports what only a run needs"
    return float(seconds), int(models)


def test_the_catalogue_is_fast_and_imports_nothing_heavy() -> None:
    seconds, models = catalogue()
    assert models >= 4
    assert seconds < 0.5


def test_fifty_plugins_cost_little(site: Site) -> None:
    before, models = catalogue()
    for number in range(50):
        site.add(registering(f"model-{number}"), f"package-{number}")
    after, more = catalogue(site.folder)
    assert more == models + 50
    assert after - before < 1.0


def test_builtins_load_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    registry.reset()
    assert {"ae", "vae", "beta-vae", "conv-vae"} <= set(registry.list_models())
    assert capfd.readouterr() == ("", "")
    assert not [plugin.origin.plugin for plugin in discovery.plugins if plugin.error or not plugin.entries]


def test_a_plugin_knows_where_it_comes_from(site: Site) -> None:
    site.add(registering("found"), "friendly-package", "3.1", entry="the-entry")
    entry = registry.registry().get("model", "found")
    assert (entry.origin.distribution, entry.origin.version, entry.origin.plugin) == (
        "friendly-package",
        "3.1",
        "the-entry",
    )
    assert entry.full_name == "friendly-package/found"
    assert [entry] in [plugin.entries for plugin in discovery.plugins]


def test_two_packages_with_entry_points_of_one_name_both_load(site: Site) -> None:
    site.add(registering("one"), "first", entry="plugin")
    site.add(registering("two"), "second", entry="plugin")
    assert {"one", "two"} <= set(registry.list_models())


def test_a_package_found_twice_is_the_one_that_python_imports(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add(registering("old"), "My_Package", "1.0")
    newer = Site(tmp_path / "newer")
    newer.folder.mkdir()
    newer.add(registering("new"), "my-package", "2.0")
    monkeypatch.syspath_prepend(newer.folder)
    names = registry.list_models()
    assert "new" in names
    assert "old" not in names


@pytest.mark.parametrize("left_out", ["friendly", "entry-name", "other, friendly"])
def test_plugins_can_be_left_out(
    site: Site, left_out: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    site.add(f"raise SystemError({left_out!r})", "friendly", entry="entry-name")
    monkeypatch.setenv("GENZOO_DISABLE_PLUGINS", left_out)
    assert "vae" in registry.list_models()
    assert "friendly" not in capfd.readouterr().err
    assert [plugin.error for plugin in discovery.plugins if plugin.origin.distribution == "friendly"] == [
        "left out by GENZOO_DISABLE_PLUGINS"
    ]


def test_without_any_plugin_the_cure_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "distributions", list)
    with pytest.raises(UsageError, match="not installed") as refused:
        registry.registry()
    assert refused.value.hint == "type: pip install -e ."
    assert refused.value.exit_code == 2


class TestFile:
    """`-p file.py`: a plugin that is not packaged."""

    SOURCE = """
        import genzoo

        class Mine:
            Config = genzoo.config(type("Config", (), {"__annotations__": {}}))

        @genzoo.hookimpl
        def register_datasets(register):
            register(NAME, f"{__name__}:Mine", summary="from a file")
            register(NAME + "-class", Mine, summary="from a file")
    """

    def write(self, folder: Path, name: str) -> Path:
        folder.mkdir(exist_ok=True)
        path = folder / "my-plugin.py"
        path.write_text(f"NAME = {name!r}\nif True:" + self.SOURCE)
        return path

    def test_registers(self, site: Site, tmp_path: Path) -> None:
        found = registry.registry()
        discovery.load_file(self.write(tmp_path / "a", "mine"), found)
        entry = found.get("dataset", "mine")
        assert entry.full_name == "my-plugin.py/mine"
        assert str(entry.origin) == "my-plugin.py"
        assert entry.load() is found.get("dataset", "mine-class").load()

    def test_two_files_of_one_name_keep_their_own_classes(self, site: Site, tmp_path: Path) -> None:
        found = registry.registry()
        for name in ("a", "b"):
            discovery.load_file(self.write(tmp_path / name, name), found)
        for name in ("a", "b"):
            assert found.get("dataset", name).load() is found.get("dataset", f"{name}-class").load()
        assert found.get("dataset", "a").load() is not found.get("dataset", "b").load()

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            ("import no_such_module_at_all", "No module named 'no_such_module_at_all'"),
            ("raise SystemExit(3)", "SystemExit: 3"),
            ("x = 1", "registers nothing"),
            (registering("VAE"), "'VAE' is not kebab-case"),
        ],
    )
    def test_is_refused_in_one_line(self, site: Site, tmp_path: Path, source: str, reason: str) -> None:
        path = tmp_path / "broken.py"
        path.write_text(source)
        found = registry.registry()
        before = list(found.entries)
        with pytest.raises(PluginError) as refused:
            discovery.load_file(path, found)
        assert refused.value.message.startswith(f"-p {path}: ")
        assert reason in refused.value.message
        assert "\n" not in refused.value.message
        assert found.entries == before

    def test_must_be_there_and_be_python(self, site: Site, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"nowhere\.py: no such file"):
            discovery.load_file(tmp_path / "nowhere.py", registry.registry())
        (tmp_path / "notes.txt").write_text("x = 1")
        with pytest.raises(PluginError, match=r"^-p \S+notes\.txt: not a Python file") as refused:
            discovery.load_file(tmp_path / "notes.txt", registry.registry())
        assert refused.value.exit_code == 4
