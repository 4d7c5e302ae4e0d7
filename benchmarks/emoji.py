"""Unpack emoji of 64×64 pixels into a folder that genzoo reads, one sub-folder a category.

    npm pack emoji-datasource-twitter                       a package of 62 MB with 3,786 pictures
    python benchmarks/emoji.py emoji-datasource-twitter-*.tgz emoji

The pictures are Twitter's, licensed CC BY 4.0; genzoo ships none of them.
"""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path

CATEGORIES = ("Animals & Nature", "Food & Drink", "Smileys & Emotion")


def unpack(package: Path, folder: Path) -> int:
    """Write the pictures of CATEGORIES from an npm package to FOLDER/CATEGORY/NAME.png; return their number."""
    with tarfile.open(package) as archive:
        known = json.loads(content(archive, "package/emoji.json"))
        chosen = {one["image"]: one["category"] for one in known if one["category"] in CATEGORIES}
        found = [name for name in archive.getnames() if name.startswith("package/img/twitter/64/")]
        pictures = [name for name in found if Path(name).name in chosen]
        for name in pictures:
            place = folder / chosen[Path(name).name] / Path(name).name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content(archive, name))
    return len(pictures)


def content(archive: tarfile.TarFile, name: str) -> bytes:
    """Return a file of an archive."""
    file = archive.extractfile(name)
    assert file is not None, f"{name} is not a file"
    return file.read()


if __name__ == "__main__":
    print(f"{unpack(Path(sys.argv[1]), Path(sys.argv[2]))} pictures in {sys.argv[2]}")
