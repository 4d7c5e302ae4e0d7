"""genzoo compress: rate and distortion, beside PNG."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from genzoo.cli.application import add_application, add_files

if TYPE_CHECKING:
    from genzoo.cli.application import Work


def add_verb(verbs: Any) -> None:
    """Add `compress`."""
    compress = add_application(verbs, "compress", show_compression, "rate and distortion, beside PNG")
    add_files(compress)
    compress.add_argument("--json", action="store_true", help="as JSON")


def show_compression(options: argparse.Namespace) -> int:
    """Prints rate and distortion of the model as a lossy code, and PNG's size."""
    from genzoo.cli.application import open_work
    from genzoo.runs.run import plain

    work = open_work(options)
    figures = compression(work)
    if options.json:
        print(json.dumps(plain({"run": str(work.run.path), **figures})))
        return 0
    if figures["rate_bits"] is None:
        print(f"  rate               n/a ({figures['not_available']['rate_bits']})")
    else:
        print(f"  rate        {figures['rate_bits']:10.1f} bits an example: the mean KL, an estimate")
    quality = f", PSNR {figures['psnr_db']:.2f} dB" if "psnr_db" in figures else ""
    print(f"  distortion  {figures['mse']:10.5f} MSE a dimension{quality}")
    if "png_bits" in figures:
        print(f"  PNG         {figures['png_bits']:10.1f} bits a picture, file header and all, without loss")
    if figures["rate_bits"] is not None:
        print("the KL is what a code of z needs by relative entropy coding; no such coder is run here")
    return 0


def compression(work: Work) -> dict[str, Any]:
    """Rate and distortion of the model as a lossy code, of pictures also PNG's size, in the data's own units."""
    from genzoo.evaluation.compression import bits, png_bits
    from genzoo.evaluation.evaluate import evaluate, find_metrics
    from genzoo.registry.current import registry

    found = evaluate(work.model, work.data, find_metrics(registry(), ["kl", "mse", "psnr"]))
    rate = None if found["kl"] is None else bits(found["kl"])
    figures: dict[str, Any] = {"n": len(work.data), "rate_bits": rate, "mse": found["mse"]}
    if rate is None:
        figures["not_available"] = {"rate_bits": found["not_available"]["kl"]}
    if found["psnr"] is not None:
        figures["psnr_db"] = found["psnr"]
        batches = (work.original(work.data.batch(index).x) for index in work.batches())
        sizes = [png_bits(image) for images in batches for image in images]
        figures["png_bits"] = sum(sizes) / len(sizes)
    return figures
