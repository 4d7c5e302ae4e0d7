"""The recipes of colour pictures, on a package of the form of the real one."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from commandline import genzoo
from emoji import CATEGORIES, unpack
from PIL import Image

from genzoo.runs.run import Run

RECIPES = sorted((Path(__file__).parents[2] / "benchmarks/recipes/emoji").glob("*.toml"))
PICTURES = 8
"""Pictures of each category."""


def picture(seed: int) -> bytes:
    """Return a PNG of 64×64 pixels with a palette that has a transparent colour, as in the package."""
    image = Image.new("P", (64, 64), 0)
    image.putpalette([0, 0, 0, 250, 5 * seed, 40])
    image.paste(1, (8, 8, 56, 24 + seed))
    file = io.BytesIO()
    image.save(file, "PNG", transparency=0)
    return file.getvalue()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of some pictures of each category and of another one."""
    place = tmp_path_factory.mktemp("npm") / "emoji-datasource-twitter-16.0.0.tgz"
    categories = (*CATEGORIES, "Flags")
    names = [(f"{number}{category[0]}.png", category) for category in categories for number in range(PICTURES)]
    files = {"package/emoji.json": json.dumps([{"image": name, "category": of} for name, of in names]).encode()}
    files |= {f"package/img/twitter/64/{name}": picture(number) for number, (name, _) in enumerate(names)}
    files["package/img/twitter/64/unlisted.png"] = picture(0)
    with tarfile.open(place, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return place


def test_pictures_of_three_categories_are_unpacked(package: Path, tmp_path: Path) -> None:
    assert unpack(package, tmp_path) == 3 * PICTURES
    found = {place.name: len(list(place.iterdir())) for place in tmp_path.iterdir()}
    assert found == dict.fromkeys(CATEGORIES, PICTURES)


@pytest.mark.every(3)
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_trains(path: Path, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    unpack(package, Path("emoji"))
    options = "--epochs 1 --batch-size 4 --data.size 16 --quiet" + (" --steps 2" if path.stem == "ddpm" else "")
    result = genzoo(f"run --config {path} {options} --out {tmp_path / 'run'}")
    assert result.code == 0, result.err
    assert Run(tmp_path / "run").model.spec.shape == (3, 16, 16)
