"""genzoo compress: rate and distortion of a model as a lossy code, compared with PNG."""

from __future__ import annotations

import argparse
from typing import Any

from genzoo.cli.application import Application, add_application, add_files, open_application
from genzoo.system.json_output import json_result


def add_verb(verbs: Any) -> None:
    """Add `compress`."""
    compress = add_application(verbs, "compress", show_compression, "estimate rate and distortion, compared with PNG")
    add_files(compress)


def show_compression(options: argparse.Namespace) -> int:
    """Print rate and distortion of the model as a lossy code, and the size as PNG."""
    from genzoo.evaluation.order import label_of, metric_for

    opened = open_application(options, needs="Autoencoder")
    values, error = compression(opened), metric_for("error")
    json_result(run=opened.run.path, **values)
    if values["rate_bits"] is None:
        print(f"  rate               n/a ({values['not_available']['rate_bits']})")
    else:
        print(f"  rate        {values['rate_bits']:10.1f} bits per example: the mean KL, an estimate")
    quality = f", PSNR {values['psnr_db']:.2f} dB" if "psnr_db" in values else ""
    print(f"  distortion  {values[error]:10.5f} {label_of(error)}{quality}")
    if "png_bits" in values:
        print(f"  PNG         {values['png_bits']:10.1f} bits per picture, lossless, with the file header")
    if values["rate_bits"] is not None:
        print("the KL is the length of a code for z by relative entropy coding; no coder is run here")
    return 0


def compression(opened: Application) -> dict[str, Any]:
    """Return rate and distortion of the model as a lossy code, and for pictures PSNR and the size as PNG."""
    from genzoo.evaluation.compression import bits, png_bits
    from genzoo.evaluation.evaluate import evaluate, find_metrics
    from genzoo.evaluation.order import key, metrics_for
    from genzoo.registry.current import registry

    names = [metrics_for(role)[0] for role in ("rate", "error", "quality")]
    metrics = evaluate(opened.model, opened.data, find_metrics(registry(), names))
    kl, error, quality = map(key, names)
    rate = None if metrics[kl] is None else bits(metrics[kl])
    values: dict[str, Any] = {"n": len(opened.data), "rate_bits": rate, error: metrics[error]}
    if rate is None:
        values["not_available"] = {"rate_bits": metrics["not_available"][kl]}
    if metrics[quality] is not None:
        values["psnr_db"] = metrics[quality]
        batches = (opened.original(opened.data.batch(index).x) for index in opened.batches())
        sizes = [png_bits(image) for images in batches for image in images]
        values["png_bits"] = sum(sizes) / len(sizes)
    return values
