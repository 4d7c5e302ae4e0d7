"""Compare `iwae:k` with a loop of the same mathematics, written by hand only for speed.

    python benchmarks/importance.py        a minute

Both alternate in one process, on the same images, with the same library of matrix products and the same memory
settings. Prints image·samples per second of each and the ratio; above 1, genzoo is faster. On one thread
(OMP_NUM_THREADS=1) the clock is the CPU time of that thread.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from ceiling import clock, made_up
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split
from genzoo.core.distributions import Bernoulli, DiagGaussian
from genzoo.core.model import LatentModel
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.runs.build import build_model
from genzoo.system.computing import computing, matmul

CPU = torch.device("cpu")


@torch.no_grad()
def by_hand(model: LatentModel, x: Tensor, k: int, batch_size: int, chunk: int) -> Tensor:
    """Return −ln (1/k) Σ p(x|z)p(z)/q(z|x) per image, [N], with noise from torch's generator and without checks.

    Args:
        model: Its nets are called directly.
        x: [N, 784] float32, 0 or 1.
        k: Samples per image.
        batch_size: Images encoded at a time.
        chunk: Samples per image decoded at a time.
    """
    bounds = []
    for batch in x.split(batch_size):
        q = model.posterior(batch.view(-1, 1, 28, 28))
        assert isinstance(q, DiagGaussian)
        mean, log_var = q.mean, q.variance.log()
        deviation, total = (0.5 * log_var).exp(), torch.full((len(batch),), -math.inf, dtype=torch.float64)
        for _ in range(k // chunk):
            noise = torch.randn(chunk, *mean.shape)
            z = mean + deviation * noise
            px = model.likelihood(z.flatten(0, 1))
            assert isinstance(px, Bernoulli)
            logits = px.logits.view(chunk, len(batch), -1)
            ratio = 0.5 * (noise.square() - z.square() + log_var).sum(2)
            target = batch.expand_as(logits)
            ratio -= F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(2)
            total = torch.logaddexp(total, ratio.double().logsumexp(0))
        bounds.append(math.log(k) - total)
    return torch.cat(bounds)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds."""
    start = clock()
    work()
    return clock() - start


def main() -> None:
    """Print both speeds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--chunk", type=int, default=5, help="samples the loop decodes at a time")
    parser.add_argument("--pairs", type=int, default=9)
    options = parser.parse_args()
    entry = registry().get("model", "vae")
    model = build_model(entry, DataSpec((1, 28, 28), "bernoulli"), default_config(entry, entry.options), 0, CPU).eval()
    assert isinstance(model, LatentModel)
    images = (made_up(options.images) > 127).to(torch.uint8) * 255
    data, flat = Resident(Split(images), CPU), images.flatten(1).float() / 255
    metrics = find_metrics(registry(), [f"iwae:{options.k}"])
    works: dict[str, Callable[[], Any]] = {
        "genzoo": lambda: evaluate(model, data, metrics),
        "by hand": lambda: by_hand(model, flat, options.k, 500, options.chunk),
    }
    with computing(CPU):
        figures = [evaluate(model, data, metrics)[f"iwae_{options.k}"], works["by hand"]().mean().item()]
        pairs = [{name: timed(work) for name, work in works.items()} for _ in range(options.pairs)]
    assert abs(figures[0] / figures[1] - 1) < 1e-3, figures
    done = options.images * options.k
    for name in works:
        print(f"{name:8} {done / statistics.median(pair[name] for pair in pairs):>10,.0f} image·samples/s")
    ratios = [pair["by hand"] / pair["genzoo"] for pair in pairs]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"ratio    {statistics.median(ratios):>10.2f} ({spread}); products by {matmul()}")


if __name__ == "__main__":
    main()
