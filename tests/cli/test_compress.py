"""`genzoo compress`."""

from __future__ import annotations

import json
import math

import pytest
import torch
from commandline import genzoo

from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.runs.run import Run

CPU = torch.device("cpu")


def test_rate_is_the_kl_in_bits(vae_run: Run, test_data: Resident) -> None:
    found = json.loads(genzoo("compress", vae_run.path, "--json").out)
    metrics = evaluate(vae_run.model, test_data, find_metrics(registry(), ["kl", "mse"]))
    assert found["rate_bits"] == pytest.approx(metrics["kl"] / math.log(2), rel=1e-9)
    assert found["mse"] == pytest.approx(metrics["mse"], rel=1e-9)
    assert found["png_bits"] > 8 * 60, "a PNG's header alone has 57 bytes"
    text = genzoo("compress", vae_run.path).out
    assert f"{found['rate_bits']:.1f} bits per example: the mean KL, an estimate" in text
    assert f"PSNR {found['psnr_db']:.2f} dB" in text
