"""What a finished run is good for, on test data and on files."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commandline import genzoo, refused
from PIL import Image
from sklearn.metrics import roc_auc_score

from genzoo.cli.loading import load_split
from genzoo.data.resident import Resident
from genzoo.evaluation.denoising import gaussian_blur, psnr, with_noise
from genzoo.evaluation.evaluate import evaluate, find_metrics, per_example
from genzoo.registry.current import registry
from genzoo.runs.run import Run

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def test_data(vae_run: Run) -> Resident:
    """The digits' 360 test images."""
    return load_split(vae_run, "test", CPU, None)


@pytest.fixture(scope="module")
def files(test_data: Resident, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first five of them as PNG files in a folder, and as arrays."""
    folder = tmp_path_factory.mktemp("files") / "pictures"
    folder.mkdir()
    for number in range(5):
        Image.fromarray(test_data.x[number, 0].numpy()).save(folder / f"{number}.png")
    np.save(folder.parent / "five.npy", test_data.x[:5].numpy())
    return folder


def test_every_verb_is_there_and_says_what_it_takes() -> None:
    for verb in ("anomaly", "denoise", "interpolate", "traverse", "embed", "augment", "compress"):
        result = genzoo(verb, "--help")
        assert (result.code, result.err) == (0, "")
        for option in ("--split", "--runs", "--data-root", "--device"):
            assert option in result.out


# anomaly


def negative_elbo(run: Run, data: Resident, batch_size: int = 500) -> torch.Tensor:
    return per_example(run.model, data, find_metrics(registry(), ["negative-elbo"]), batch_size)["negative-elbo"]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_scores_are_the_bound_of_each_example(vae_run: Run, test_data: Resident, tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    result = genzoo("anomaly", vae_run.path, "--out", out, "--json")
    assert (result.code, result.err) == (0, "")
    scores = {int(row["example"].partition(":")[2]): float(row["score"]) for row in read_csv(out)}
    expected = negative_elbo(vae_run, test_data, batch_size=7)
    assert [scores[n] for n in range(360)] == pytest.approx(expected.tolist(), abs=1e-3)
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    mean = evaluate(vae_run.model, test_data, find_metrics(registry(), ["negative-elbo"]))["negative_elbo"]
    assert sum(scores.values()) / 360 == pytest.approx(mean, abs=1e-4)
    found = json.loads(result.out)
    assert test_data.y is not None
    assert list(found["model"]) == [str(label) for label in range(10)]
    sums = test_data.x.double().flatten(1).sum(1)
    for label in range(10):
        is_it = (test_data.y == label).numpy()
        assert found["model"][str(label)] == pytest.approx(roc_auc_score(is_it, expected.numpy()), abs=1e-9)
        assert found["pixel_sum"][str(label)] == pytest.approx(roc_auc_score(is_it, sums.numpy()), abs=1e-9)
        assert 0 < found["pca"][str(label)] < 1
    assert found["components"] == vae_run.config.model_config.latent_dim


def test_files_have_the_scores_of_their_bytes(vae_run: Run, test_data: Resident, files: Path) -> None:
    expected = negative_elbo(vae_run, test_data)[:5]
    for words in ([files], sorted(files.iterdir()), [files.parent / "five.npy"]):
        result = genzoo("anomaly", vae_run.path, *words)
        assert (result.code, result.err) == (0, "")
        found = [line.split(maxsplit=1) for line in result.out.splitlines()]
        assert [float(score) for score, _ in found] == pytest.approx(sorted(expected.tolist(), reverse=True), abs=2e-3)
        order = [Path(name).stem if name.endswith("png") else name.rpartition(":")[2] for _, name in found]
        assert order == [str(number) for number in expected.argsort(descending=True).tolist()]


def test_a_model_without_a_prior_has_other_scores(ae_run: Run) -> None:
    message = refused(genzoo("anomaly", ae_run.path))
    assert message == "ae has no negative-elbo: no prior p(z)"
    result = genzoo("anomaly", ae_run.path, "--score", "mse")
    assert result.code == 0
    assert len(result.out.splitlines()) == 15
    assert "rate               n/a (no prior p(z))" in genzoo("compress", ae_run.path).out
    found = json.loads(genzoo("compress", ae_run.path, "--json").out)
    assert (found["rate_bits"], found["not_available"]) == (None, {"rate_bits": "no prior p(z)"})
    assert found["mse"] == pytest.approx(ae_run.results["test"]["mse"])
    assert refused(genzoo("augment", ae_run.path)) == "ae encodes to points: there is nothing to draw"


def test_points_have_scores_too(moons_run: Run, tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_text("x,y\n0,0\n40,40\n")
    result = genzoo("anomaly", moons_run.path, tmp_path / "far.csv")
    assert [line.rpartition(":")[2] for line in result.out.splitlines()] == ["1", "0"]
    assert genzoo("compress", moons_run.path).out.count("PNG") == 0
    message = refused(genzoo("traverse", moons_run.path))
    assert message == "these data are no images to draw"
    assert genzoo("traverse", moons_run.path, "--out", tmp_path / "t.npy").code == 0
    assert np.load(tmp_path / "t.npy").shape == (2, 11, 2)
    assert refused(genzoo("denoise", moons_run.path, "--out", tmp_path / "d.npy")) == "denoise is for images"


# denoise, compress


def test_denoising_is_the_reconstruction_of_noisy_images(vae_run: Run, test_data: Resident, tmp_path: Path) -> None:
    out = tmp_path / "d.npy"
    result = genzoo("denoise", vae_run.path, "--sigma", 0.2, "--out", out, "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    clean = test_data.batch(torch.arange(360)).x
    noisy = with_noise(clean, 0.2, test_data.keys)
    with torch.no_grad():
        again = vae_run.model.reconstruct(noisy)  # type: ignore[operator]
    np.testing.assert_allclose(np.load(out), again.numpy(), atol=1e-5)
    figures = found["psnr_db"]
    mse = (again - clean).square().flatten(1).mean(1)
    assert figures["model"] == pytest.approx((-10 * mse.log10()).mean().item(), abs=1e-4)
    assert figures["noisy"] == pytest.approx(psnr(clean, noisy.clamp(0, 1)).mean().item(), abs=1e-4)
    blurs = [psnr(clean, gaussian_blur(noisy, sigma).clamp(0, 1)).mean().item() for sigma in (0.5, 0.75, 1.0)]
    (best,) = [value for name, value in figures.items() if name.startswith("blur")]
    assert best >= max(blurs) - 1e-4


def test_noisy_files_are_taken_as_they_are(vae_run: Run, files: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.npy"
    assert genzoo("denoise", vae_run.path, files, "--out", out).out == f"{out}\n"
    again = tmp_path / "r.npy"
    assert genzoo("reconstruct", vae_run.path, *sorted(files.iterdir()), "--out", again).code == 0
    np.testing.assert_allclose(np.load(out), np.load(again), atol=1e-6)
    assert "noise of σ = 0.1" in genzoo("denoise", vae_run.path, files, "--sigma", 0.1, "--out", out).out


def test_rate_is_the_kl_in_bits(vae_run: Run, test_data: Resident) -> None:
    found = json.loads(genzoo("compress", vae_run.path, "--json").out)
    figures = evaluate(vae_run.model, test_data, find_metrics(registry(), ["kl", "mse"]))
    assert found["rate_bits"] == pytest.approx(figures["kl"] / math.log(2), rel=1e-9)
    assert found["mse"] == pytest.approx(figures["mse"], rel=1e-9)
    assert found["png_bits"] > 8 * 60, "a PNG's header alone has 57 bytes"
    text = genzoo("compress", vae_run.path).out
    assert f"{found['rate_bits']:.1f} bits an example: the mean KL, an estimate" in text
    assert f"PSNR {found['psnr_db']:.2f} dB" in text


# codes


def test_embedding_is_the_posterior(vae_run: Run, test_data: Resident, files: Path, tmp_path: Path) -> None:
    assert genzoo("embed", vae_run.path, "--out", tmp_path / "c.npz").out == f"{tmp_path}/c.npz\n"
    codes = np.load(tmp_path / "c.npz")
    with torch.no_grad():
        q = vae_run.model.posterior(test_data.batch(torch.arange(360)).x)  # type: ignore[operator]
    np.testing.assert_allclose(codes["mean"], q.mean.numpy(), atol=1e-5)
    np.testing.assert_allclose(codes["log_var"], q.log_var.numpy(), atol=1e-5)
    assert test_data.y is not None
    np.testing.assert_array_equal(codes["y"], test_data.y.numpy())
    np.testing.assert_array_equal(codes["index"], np.arange(360))
    assert genzoo("embed", vae_run.path, files, "--out", tmp_path / "c.csv").code == 0
    rows = read_csv(tmp_path / "c.csv")
    assert [row["name"] for row in rows] == [str(files / f"{n}.png") for n in range(5)]
    assert float(rows[3]["mean_7"]) == pytest.approx(codes["mean"][3, 7], abs=1e-5)
    assert "log_var_19" in rows[0]


@pytest.mark.parametrize("mode", ["linear", "spherical"])
def test_interpolation_ends_are_the_reconstructions(
    vae_run: Run, test_data: Resident, files: Path, mode: str, tmp_path: Path
) -> None:
    out = tmp_path / "i.npy"
    words = ("--from", "test:12", "--to", files / "4.png", "--steps", 5, "--mode", mode)
    assert genzoo("interpolate", vae_run.path, *words, "--out", out).code == 0
    with torch.no_grad():
        ends = vae_run.model.reconstruct(test_data.batch(torch.tensor([12, 4])).x).numpy()  # type: ignore[operator]
    path = np.load(out)
    assert path.shape == (5, 1, 8, 8)
    np.testing.assert_allclose(path[[0, -1]], ends, atol=1e-6)
    assert np.abs(path[2] - path[0]).max() > 1e-3


def test_traversal_moves_one_dimension(vae_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "t.npy"
    words = ("--dims", "3,0", "--range", 2, "--steps", 5, "--out", out)
    assert genzoo("traverse", vae_run.path, *words).out == f"dimensions 3,0\n{out}\n"
    z = torch.zeros(1, 20)
    z[0, 3] = 1.0
    with torch.no_grad():
        expected = vae_run.model.decode(z)[0].numpy()  # type: ignore[operator]
    np.testing.assert_allclose(np.load(out)[0, 3], expected, atol=1e-6)
    assert len(genzoo("traverse", vae_run.path, "--out", out).out.splitlines()[0].split(",")) == 8
    assert genzoo("traverse", vae_run.path, "--dims", "1,2", "--out", tmp_path / "t.gif").code == 0
    with Image.open(tmp_path / "t.gif") as animation:
        assert getattr(animation, "n_frames", 1) == 20


def test_variations_are_draws_of_the_posterior(vae_run: Run, files: Path, tmp_path: Path) -> None:
    def varied(*words: Any) -> np.ndarray[Any, Any]:
        out = tmp_path / "a.npy"
        assert genzoo("augment", vae_run.path, files, "--out", out, *words).code == 0
        values: np.ndarray[Any, Any] = np.load(out)
        return values

    again = tmp_path / "r.npy"
    assert genzoo("reconstruct", vae_run.path, *sorted(files.iterdir()), "--out", again).code == 0
    still = varied("-n", 3, "--scale", 0)
    assert still.shape == (5, 3, 1, 8, 8)
    np.testing.assert_allclose(still, np.repeat(np.load(again)[:, None], 3, 1), atol=1e-6)
    some = varied("-n", 3)
    assert np.abs(some[:, 0] - some[:, 1]).max() > 1e-2
    np.testing.assert_array_equal(some, varied("-n", 3))
    assert np.abs(some - varied("-n", 3, "--seed", 1)).max() > 1e-2


@pytest.mark.usefixtures("drawn_figures")
@pytest.mark.parametrize("verb", ["denoise", "interpolate", "traverse", "augment"])
def test_pictures_are_drawn(vae_run: Run, verb: str, tmp_path: Path) -> None:
    result = genzoo(verb, vae_run.path, "--out", tmp_path / "p.png")
    assert (result.code, result.err) == (0, "")
    with Image.open(tmp_path / "p.png") as drawn:
        assert drawn.width > 500
        assert drawn.height > 80


# what is refused


def test_bad_input_is_one_line(vae_run: Run, files: Path, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_text("no picture")
    (tmp_path / "nan.csv").write_text("1,nan\n")
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "wide.npy", np.zeros((3, 1, 9, 8), np.uint8))
    np.savez(tmp_path / "y.npz", y=np.zeros(3))
    np.savez(tmp_path / "pickled.npz", x=np.array([{}], dtype=object))
    Image.new("L", (9, 8)).save(tmp_path / "wide.png")
    Image.new("L", (9, 8)).save(tmp_path / "wide.png")
    np.save(tmp_path / "floats.npy", np.zeros((3, 8, 8)))
    cases = {
        "no.png": "no.png is no picture that can be read",
        "nan.csv": "nan.csv, line 1, column 2 has no value ('nan')",
        "empty": "empty holds no picture",
        "wide.npy": "wide.npy holds examples of 1x9x8; the model takes 1x8x8",
        "y.npz": "y.npz has no array x",
        "pickled.npz": "pickled.npz (x) holds pickled objects; genzoo unpickles nothing",
        "wide.png": "wide.png is 8x9; the model takes 8x8",
        "missing.png": "missing.png: No such file or directory",
    }
    for name, message in cases.items():
        for verb, words in (("anomaly", ()), ("embed", ("--out", tmp_path / "c.csv"))):
            assert refused(genzoo(verb, vae_run.path, tmp_path / name, *words)).endswith(message)
    assert genzoo("anomaly", vae_run.path, tmp_path / "wide.png", "--resize").code == 0
    message = refused(genzoo("anomaly", vae_run.path, files, tmp_path / "floats.npy"))
    assert message == "these files hold bytes and floats, which are not taken together"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("embed RUN --out codes.txt", "--out codes.txt: not .npz or .csv"),
        ("embed RUN --out nowhere/c.csv", "--out nowhere/c.csv: no folder nowhere"),
        ("anomaly RUN --score nonsense", "no metric named 'nonsense'."),
        ("anomaly RUN --score elbo", "no metric named 'elbo'. Did you mean 'negative-elbo'?"),
        ("anomaly RUN --score active-units", "active-units is not defined for single examples"),
        ("traverse RUN --dims 3,20", "--dims 3,20: '20' is none of the 20 dimensions"),
        ("traverse RUN --dims x", "--dims x: 'x' is none of the 20 dimensions"),
        ("traverse RUN --range nan", "--range nan must be a finite number, not negative"),
        ("denoise RUN --sigma -1", "--sigma -1.0 must be a finite number, not negative"),
        ("interpolate RUN --steps 1", "--steps 1: between 2 and 200"),
        ("interpolate RUN --from test:360", "test:360: there are 360 test examples"),
        ("interpolate RUN --from tset:3", "tset:3: neither an example nor a file"),
        ("interpolate RUN --out x.gif", "--out x.gif: not .png or .npy"),
        ("augment RUN -n 0", "-n and --batch-size must be at least 1"),
    ],
)
def test_bad_options_are_one_line(vae_run: Run, words: str, message: str) -> None:
    assert refused(genzoo(words.replace("RUN", str(vae_run.path)))).startswith(message)
