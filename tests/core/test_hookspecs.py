"""The plugin API's version, what `genzoo plugins` shows, and runs made with another version of a plugin."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from plugin_factory import Site, registering

import genzoo
from genzoo.cli.main import main
from genzoo.core.errors import PluginError
from genzoo.core.hookspecs import API, OLDEST_API
from genzoo.registry import current as registry
from genzoo.registry import discovery


def warnings_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    registry.reset()
    registry.registry()
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (
            API + 1,
            f"it was written for plugin API {API + 1}, and this genzoo 0.1.0 has {API} (pip install --upgrade genzoo)",
        ),
        (
            OLDEST_API - 1,
            f"it was written for plugin API {OLDEST_API - 1}, and this genzoo 0.1.0 has {OLDEST_API} and later "
            "(pip install --upgrade evil, or pip uninstall evil)",
        ),
        ("one", f"GENZOO_API is 'one', not a whole number (write: GENZOO_API = {API})"),
        (True, f"GENZOO_API is True, not a whole number (write: GENZOO_API = {API})"),
    ],
)
def test_a_mismatch_is_one_named_line(
    stated: object, said: str, site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "__version__", "0.1.0")
    site.add(registering("mine") + f"\nGENZOO_API = {stated!r}\n")
    site.add(registering("fine"), "fine")
    assert warnings_of(capsys) == [f"genzoo: plugin plugin of evil 1.2 is disabled: {said}"]
    assert not registry.registry().called("mine")
    assert registry.registry().get("model", "fine")


def test_a_file_says_so_too(tmp_path: Path, site: Site) -> None:
    file = tmp_path / "mine.py"
    file.write_text(registering("mine") + "\nGENZOO_API = 99\n")
    with pytest.raises(PluginError, match=r"mine\.py: it was written for plugin API 99") as refused:
        genzoo.load_plugin(file)
    assert refused.value.hint == "pip install --upgrade genzoo"


@pytest.mark.parametrize("stated", ["", f"\nGENZOO_API = {API}\n", f"\nGENZOO_API = {OLDEST_API}\n"])
def test_the_present_one_and_none_are_taken(stated: str, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.add(registering("mine") + stated)
    assert warnings_of(capsys) == []
    assert registry.registry().get("model", "mine")


# genzoo plugins


def test_a_disabled_plugin_comes_with_its_cure(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.add("import no_such_module", "broken", "0.3")
    assert main(["plugins"]) == 0
    rows = capsys.readouterr().out.splitlines()
    (row,) = [number for number, line in enumerate(rows) if line.startswith("broken 0.3")]
    assert "DISABLED  ModuleNotFoundError: No module named 'no_such_module'" in rows[row]
    assert rows[row + 1].strip() == "pip install --upgrade broken, or pip uninstall broken"
    assert main(["plugins", "broken"]) == 0
    out = capsys.readouterr().out
    assert "  do        pip install --upgrade broken, or pip uninstall broken\n" in out
    assert main(["plugins", "broken", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["plugins"]
    assert (told["distribution"], told["suggestion"]) == (
        "broken",
        "pip install --upgrade broken, or pip uninstall broken",
    )


def test_the_traceback_is_shown_where_it_is_asked_for(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENZOO_DEBUG", "")  # which --debug sets, and monkeypatch puts back
    site.add("import no_such_module", "broken")
    assert main(["plugins", "--debug", "broken"]) == 0
    assert "No module named 'no_such_module'" in capsys.readouterr().err.partition("Traceback")[2]


def test_all_about_one(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """By its package, its entry point or a name that it registers; a class that cannot be imported is named."""
    source = registering("mine", target="genzoo_plugins.vae.vae:VAE") + f"\nGENZOO_API = {API}\n"
    module = site.add(source + registering("gone", "dataset", "no.such:Class"), "genzoo-mine", "0.2", entry="own")
    told = []
    for name in ("genzoo-mine", "own", "mine"):
        assert main(["plugins", name]) == 0
        told.append(capsys.readouterr().out)
    assert told[0].splitlines()[0] == "plugin own of genzoo-mine 0.2"
    assert f"file      {site.folder / module / '__init__.py'}" in told[0]
    assert f"API       {API}; this genzoo has {API}" in told[0]
    assert "model     mine  genzoo_plugins.vae.vae:VAE  imports" in told[0]
    assert "dataset   gone  no.such:Class  BROKEN  dataset 'gone' of genzoo-mine 0.2 cannot be imported" in told[0]
    assert [text.splitlines()[:3] for text in told[1:]] == [told[0].splitlines()[:3]] * 2
    assert main(["plugins", "genzoo-mien"]) == 2
    assert "no plugin 'genzoo-mien'. Did you mean 'genzoo-mine'" in capsys.readouterr().err


# other versions


def test_a_run_made_with_another_version_says_so_once(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = registering("hvae", target="genzoo_plugins.vae.vae:VAE")
    module = site.add(source, "genzoo-hvae", "0.2.0")
    run = genzoo.run("hvae", "moons", out=tmp_path / "run", epochs=1, latent_dim=2, quiet=True)
    assert run.record["plugins"]["model"] == {"name": "hvae", "origin": "genzoo-hvae 0.2.0"}
    shutil.rmtree(site.folder / module)
    shutil.rmtree(site.folder / "genzoo_hvae-0.2.0.dist-info")
    capsys.readouterr()
    site.add(source, "genzoo-hvae", "0.3.0")
    registry.reset()
    assert main(["evaluate", str(run.path)]) == 0
    said = "genzoo: made with genzoo-hvae 0.2.0, and 0.3.0 is installed (pip install genzoo-hvae==0.2.0)"
    assert capsys.readouterr().err.splitlines() == [said]
