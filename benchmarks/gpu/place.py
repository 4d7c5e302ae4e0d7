"""Make a checkout and its third-party packages importable without an installation. Needs only Python."""

from __future__ import annotations

import importlib.metadata
import os
import re
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THIRD_PARTY = ROOT / "tests/third_party"


def environment(site: Path, wheels: Path | None, data: Path | None) -> dict[str, str]:
    """Return the environment variables under which `python -m genzoo` finds the checkout and every plugin.

    Args:
        site: An empty folder, filled with metadata and the contents of wheels.
        wheels: A folder with wheels of packages that may be missing, or None.
        data: A folder that holds MNIST/raw, gzip or not; None uses `GENZOO_DATA`.
    """
    packages = sorted(file.parent for file in THIRD_PARTY.glob("*/pyproject.toml"))
    for project in (ROOT, *packages):
        describe(site, project)
    if wheels:
        unpack_missing(site, wheels.glob("*.whl"))
    path = [site, ROOT, ROOT / "plugins", ROOT / "benchmarks", ROOT / "benchmarks/peers", *packages]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "GENZOO_OFFLINE": "1"}
    if data:
        for file in data.glob("*/raw/*"):  # links: files unpacked next to them do not enlarge the carried folder
            link = site / "data" / file.relative_to(data)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())
        variables["GENZOO_DATA"] = str(site / "data")
    return variables


def describe(site: Path, project: Path) -> None:
    """Write the metadata by which Python finds a project's name, version and entry points, as pip would."""
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = settings.get("version") or own_version(project)
    folder = site / f"{settings['name'].replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {settings['name']}", f"Version: {version}", ""]
    (folder / "METADATA").write_text("\n".join(lines), encoding="utf-8")
    lines = []
    for group, points in settings.get("entry-points", {}).items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (folder / "entry_points.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")


def own_version(project: Path) -> str:
    """Return `__version__` of a project whose version is not in its pyproject.toml."""
    text = (project / project.name / "__init__.py") if project != ROOT else ROOT / "genzoo/core/version.py"
    match = re.search(r'^__version__ = "(.+)"', text.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert match, f"{text} states no __version__"
    return match[1]


def unpack_missing(site: Path, wheels: Iterable[Path]) -> list[str]:
    """Unpack the wheels of packages that are not installed; return their names."""
    taken = []
    for wheel in sorted(wheels):
        name = wheel.name.partition("-")[0]
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
            taken.append(name)
    return taken
