"""`--open` and the formats of pictures, over the verbs that make files."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest
from commandline import genzoo, refused
from PIL import Image

from genzoo.cli import made_file
from genzoo.runs.run import Run

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a viewer is asked to show."""
    shown: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", lambda url: shown.append(url) or True)
    return shown


def test_a_file_is_opened_when_asked_for(vae_run: Run, opened: list[str], tmp_path: Path) -> None:
    assert genzoo("sample", vae_run.path, "--out", "a b.npy").code == 0
    assert opened == []
    for verb in (["sample", vae_run.path, "-n", 4], ["reconstruct", vae_run.path, "-n", 2], ["embed", vae_run.path]):
        out = {"embed": "codes.csv"}.get(str(verb[0]), f"{verb[0]} b.npy")
        result = genzoo(*verb, "--out", out, "--open")
        assert (result.code, result.err) == (0, "")
        assert result.out.endswith(f"{out}\n")
        assert opened.pop() == (tmp_path / out).as_uri()
    assert opened == []
    result = genzoo("report", vae_run.path, "--open")
    assert opened == [Path(result.out.strip()).as_uri()]


def test_a_run_opens_its_report(opened: list[str]) -> None:
    assert genzoo("run ppca moons --quiet --open --json").code == 0
    (folder,) = Path("runs").iterdir()
    assert opened == [(folder / "report.html").absolute().as_uri()]


@pytest.mark.parametrize(
    ("words", "file"),
    [("sample RUN -n 2 --out", "a.npy"), ("embed RUN --out", "a.csv"), ("compare RUN --figure", "a.png")],
)
def test_a_file_that_takes_the_place_of_another_one_is_told(
    words: str, file: str, vae_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = [*words.replace("RUN", str(vae_run.path)).split(), file]
    first, again = genzoo(*typed), genzoo(*typed)
    assert (first.code, again.code, first.out) == (0, 0, again.out)
    assert "replaced" not in first.err
    assert again.err == f"{first.err}genzoo: replaced {file}, which was there already\n"


@pytest.mark.parametrize("there", [True, False])
def test_without_a_display_one_line_names_the_file(
    there: bool, vae_run: Run, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    if there:  # and no viewer
        monkeypatch.setenv("DISPLAY", ":0")
        monkeypatch.setattr(webbrowser, "open", lambda url: False)
    result = genzoo("sample", vae_run.path, "-n", 2, "--out", "s.npy", "--open")
    assert (result.code, result.out) == (0, "s.npy\n")
    assert result.err == "genzoo: --open: there is no display here; the file is s.npy\n"
    assert opened == []
    assert made_file.has_display() == there


@pytest.mark.every(2)
@pytest.mark.usefixtures("drawn_figures")
@pytest.mark.parametrize(("ending", "kind"), [("jpg", "JPEG"), ("webp", "WEBP")])
def test_pictures_are_written_in_the_format_of_their_ending(
    ending: str, kind: str, vae_run: Run, moons_run: Run, tmp_path: Path
) -> None:
    out, same = tmp_path / f"s.{ending}", tmp_path / "s.png"
    for run, words in ((vae_run, ["-n", 4]), (moons_run, ["-n", 40])):  # drawn by Pillow, and as a chart
        for path in (same, out):
            assert genzoo("sample", run.path, *words, "--out", path).code == 0
        with Image.open(out) as picture, Image.open(same) as png:
            assert (picture.format, picture.size) == (kind, png.size)
            pairs = zip(picture.convert("L").tobytes(), png.convert("L").tobytes(), strict=True)
            assert max(abs(a - b) for a, b in pairs) <= (40 if kind == "JPEG" else 0)


def test_another_format_is_refused_with_those_that_there_are(vae_run: Run) -> None:
    for verb in ("denoise", "augment"):
        assert refused(genzoo(verb, vae_run.path, "--out", "s.pdf")) == (
            "--out s.pdf: not .png, .jpg, .jpeg, .webp or .npy"
        )
