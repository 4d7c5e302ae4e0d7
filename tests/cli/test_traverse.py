"""`genzoo traverse`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from commandline import genzoo, refused, trained
from PIL import Image

from genzoo.cli.loading import load_data
from genzoo.runs.run import Run


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


def test_a_model_without_an_encoder_is_traversed_about_its_prior(tmp_path: Path) -> None:
    words = ("--dataset", "digits", "--epochs", 1, "--hidden", 8, "--latent-dim", 3, "--loss.critic", 8)
    run = trained(tmp_path / "runs", "gan", *words)
    out = tmp_path / "t.npy"
    assert genzoo("traverse", run.path, "--dims", "0-2", "--steps", 3, "--out", out).out == f"dimensions 0,1,2\n{out}\n"
    codes = torch.zeros(3, 3, 3)
    for dim in range(3):
        codes[dim, :, dim] = torch.tensor([-3.0, 0, 3])
    with torch.no_grad():
        expected = run.model.decode(codes.flatten(0, 1))  # type: ignore[operator]
    np.testing.assert_allclose(np.load(out), expected.view(3, 3, 1, 8, 8).numpy(), atol=1e-5)
    said = "genzoo traverse --from needs a model that encodes; gan does not"
    assert refused(genzoo("traverse", run.path, "--from", "test:1", "--out", out)) == said


def test_a_model_without_a_prior_is_traversed_about_its_mean_code(ae_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "t.npy"
    assert genzoo("traverse", ae_run.path, "--dims", 0, "--steps", 3, "--out", out).code == 0
    data = load_data(ae_run)["test"]
    with torch.no_grad():
        z = ae_run.model.encode(data.batch(torch.arange(len(data))).x).mean(0)  # type: ignore[operator]
        z[0] = 0.0
        expected = ae_run.model.decode(z[None])[0]  # type: ignore[operator]
    np.testing.assert_allclose(np.load(out)[0, 1], expected.numpy(), atol=1e-5)
