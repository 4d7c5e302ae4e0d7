"""The options of a training run that belong to no plugin."""

from __future__ import annotations

from typing import Annotated, Literal

from genzoo.core.options import Count, Natural, NonNegative, Positive, Range, config
from genzoo.data.view import Binarize, Standardize, Stream


@config
class Training:
    """How to train, and on what view of the data."""

    epochs: Count = 10
    """Passes over the training data."""
    batch_size: Count = 128
    """Examples a step."""
    optimizer: Literal["adam", "adamw"] = "adam"
    """adam couples weight decay to the gradient, adamw does not (Loshchilov & Hutter 2019)."""
    lr: Positive = 1e-3
    """Learning rate."""
    schedule: Literal["constant", "cosine"] = "constant"
    """How the learning rate goes on after its warm-up: level, or down to 0 along a cosine."""
    lr_warmup: Natural = 0
    """Steps over which the learning rate rises linearly from 0."""
    weight_decay: NonNegative = 0.0
    """Weight decay."""
    grad_clip: NonNegative = 0.0
    """Largest norm of the gradient; 0: no clipping."""
    ema: Annotated[float, Range(0, 0.999999)] = 0.0
    """Decay of a moving average of the weights, which is then evaluated and saved; 0: none."""
    patience: Natural = 0
    """Stop after so many epochs without a better validation loss and keep the best weights; 0: never. Where a warm-up
    changes the loss, epochs are compared by what it is at the end, and those of the warm-up are not counted."""
    on_nan: Literal["stop", "skip"] = "stop"
    """When a loss, a gradient or a buffer is not finite: stop before the weights change, or leave that step out."""
    max_skips: Natural = 20
    """Stop all the same after more than so many steps were left out."""
    save_every: NonNegative = 60.0
    """Seconds between checkpoints, from which `genzoo resume` goes on; one more at the end. 0: none."""
    listeners: tuple[str, ...] = ()
    """Who hears of the run, such as tensorboard: genzoo list --kind listener."""
    seed: Natural = 0
    """Seed of the weights, the order of the data and the noise."""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps; auto takes the GPU if there is one."""
    stream: Stream = "auto"
    """Whether the examples stay in their file, or in the computer's memory, and are handed to the device batch by
    batch; auto keeps them on the device where they fit. It changes no result."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 computes the nets in bfloat16 (autocast); weights, densities and sums stay in float32."""
    mode: Literal["auto", "eager", "compile", "graph"] = "auto"
    """How the steps are run. compile: forward pass and loss through torch.compile, with other random numbers; graph:
    the whole step as one CUDA graph; auto: eager on a CPU, graph on CUDA where the run is long enough."""
    binarize: Binarize = "none"
    """Make images black and white: threshold at one half; static draws each pixel once with its grey value as the
    probability; dynamic draws it anew at every visit (and evaluates on the static draw)."""
    standardize: Standardize = "none"
    """global: subtract the mean of all training values and divide by their standard deviation."""
    likelihood: str = "auto"
    """p(x|z): bernoulli, gaussian, gaussian:SIGMA, gaussian-learned, gaussian-per-dim, gaussian-per-dim:FLOOR, laplace,
    laplace:B, laplace-learned, continuous-bernoulli, discretised-logistic; auto takes what suits the dataset."""
