"""Draw from a finished run: its samplers, and `genzoo.sample`."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genzoo.cli.loading import Source, as_run
from genzoo.core.calls import written
from genzoo.core.errors import UsageError
from genzoo.core.model import Model
from genzoo.core.noise import derive_seed, generators, seeded
from genzoo.evaluation.samplers import PRIOR, default_sampler
from genzoo.evaluation.sampling import draw, sampling_options
from genzoo.registry.configs import field_names
from genzoo.runs.run import Run
from genzoo.runs.samplers import StoredSamplers
from genzoo.runs.unfinished import warn_if_unfinished
from genzoo.system.computing import evaluating


def samplers_of(source: Source, model: Model, say: Callable[[str], None] = lambda line: None) -> StoredSamplers:
    """Return the samplers of a run, whose data are read only if one must be fitted.

    Args:
        source: The data of the run.
        model: The run's model, on the device to compute the codes on.
        say: Called with a line for the user when a sampler has been fitted.
    """
    return StoredSamplers(source.run, model, lambda: source.view("train", model.anchor.device), say)


@written("genzoo.sample(RUN, 16)")
@torch.no_grad()
def sample(
    source: Model | Run | str | Path,
    n: int,
    y: Tensor | None = None,
    *,
    noise: bool = False,
    seed: int = 0,
    **options: Any,
) -> Tensor:
    """Draw n new examples as `genzoo sample` does: [n, *S] on the CPU, in the units of the data.

    Args:
        source: A run, or what `open_run` finds it by; or a model, such as `run.model`, which draws by itself.
        n: Number of examples.
        y: [n], the classes to draw with a conditional model; None: any classes.
        noise: Whether to draw x from p(x|z) instead of returning its mean.
        seed: Seed of the noise.
        **options: The model's sampling options, such as steps=50. For a run whose model has no option of that name,
            `sampler` is the source of the codes, such as sampler="gmm:10".

    Raises:
        UsageError: The model has no prior, no such sampling option, or no codes for the sampler; or n is no number.
    """
    if not isinstance(n, Integral) or n < 1:
        raise UsageError(f"n must be a whole number of examples, not {n!r}", "such as genzoo.sample(run, 16)")
    if isinstance(source, (str, Path)):
        source = as_run(source)
        warn_if_unfinished(source)
    if not isinstance(source, (Model, Run)):
        raise UsageError(f"a run or a model is drawn from, not {source!r}", "open a run: genzoo.open_run(NAME)")
    model, samplers = source, None
    if isinstance(source, Run):
        model = source.model
        samplers = samplers_of(Source(source), model)
    name = PRIOR if samplers is None else default_sampler(model)
    if "sampler" in options and "sampler" not in field_names(type(model.sampling)):
        name = options.pop("sampler")
        if samplers is None and name != PRIOR:
            raise UsageError(
                f"sampler={name!r} is fitted to training data, which a model does not have", "give sample the run"
            )
    chosen = sampling_options(model.sampling, options)
    sampler = None if samplers is None else samplers(name)
    with evaluating(model), generators, seeded(derive_seed(seed, "samples")):
        return draw(model, sampler, n, noise, y, lambda x: model.spec.original(x).cpu(), chosen)
