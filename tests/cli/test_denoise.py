"""`genzoo denoise`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from commandline import genzoo

from genzoo.data.resident import Resident
from genzoo.evaluation.denoising import gaussian_blur, psnr, with_noise
from genzoo.runs.run import Run

CPU = torch.device("cpu")


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
    psnr_of = found["psnr_db"]
    mse = (again - clean).square().flatten(1).mean(1)
    assert psnr_of["model"] == pytest.approx((-10 * mse.log10()).mean().item(), abs=1e-4)
    assert psnr_of["noisy"] == pytest.approx(psnr(clean, noisy.clamp(0, 1)).mean().item(), abs=1e-4)
    blurs = [psnr(clean, gaussian_blur(noisy, sigma).clamp(0, 1)).mean().item() for sigma in (0.5, 0.75, 1.0)]
    (best,) = [value for name, value in psnr_of.items() if name.startswith("blur")]
    assert best >= max(blurs) - 1e-4


def test_noisy_files_are_taken_as_they_are(vae_run: Run, files: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.npy"
    assert genzoo("denoise", vae_run.path, files, "--out", out).out == f"{out}\n"
    again = tmp_path / "r.npy"
    assert genzoo("reconstruct", vae_run.path, *sorted(files.iterdir()), "--out", again).code == 0
    np.testing.assert_allclose(np.load(out), np.load(again), atol=1e-6)
    assert "noise of σ = 0.1" in genzoo("denoise", vae_run.path, files, "--sigma", 0.1, "--out", out).out
