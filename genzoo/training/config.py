"""The trainer's options, by what they are about."""

from __future__ import annotations

from typing import Annotated, Literal

from genzoo.core.errors import UsageError
from genzoo.core.options import Count, Natural, NonNegative, OptionError, Positive, Range, config
from genzoo.core.text import names_in, seconds_in
from genzoo.data.view import Binarize, Standardize, Stream


@config
class View:
    """What the model sees of the data."""

    binarize: Binarize = "none"
    """Make images black and white. threshold: at one half; static: draw each pixel once, with its grey value as the
    probability; dynamic: draw it again at every visit (evaluation uses the static draw)."""
    standardize: Standardize = "none"
    """global: subtract the mean of all training values and divide by their standard deviation."""
    likelihood: str = "auto"
    """p(x|z): bernoulli, gaussian, gaussian:SIGMA, gaussian-learned, gaussian-per-dim, gaussian-per-dim:FLOOR, laplace,
    laplace:B, laplace-learned, continuous-bernoulli, discretised-logistic, nb, zinb; auto uses the dataset's."""
    stream: Stream = "auto"
    """Keep the examples in their file or in host memory and copy them to the device batch by batch; auto keeps them on
    the device if they fit. Results do not change."""


@config
class Execution:
    """On what a run computes, and what it keeps and reports."""

    seed: Natural = 0
    """Seed of the weights, the order of the data and the noise."""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps; auto uses the GPU if there is one."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 computes the nets in bfloat16 (autocast); weights, densities and sums stay in float32."""
    mode: Literal["auto", "eager", "compile", "graph"] = "auto"
    """Execution mode of the steps. compile: forward pass and loss through torch.compile, with other random numbers;
    graph: the whole step as one CUDA graph; auto: eager on a CPU, graph on CUDA if the run is long enough."""
    save_every: NonNegative = 60.0
    """Seconds between checkpoints, which `genzoo resume` starts from; one more is written at the end. 0: none."""
    listeners: tuple[str, ...] = ()
    """Run listeners, such as tensorboard or mlflow,wandb: genzoo list --kind listener. mlflow:model sends the model."""
    metrics: tuple[str, ...] = ()
    """More metrics of the trained model, such as iwae:5000: genzoo list --kind metric."""


@config
class Stopping:
    """How long to train."""

    epochs: Count | Literal["auto"] = "auto"
    """Passes over the training data; auto: 10, or up to 200 to make 2,000 steps, or 1,000 steps of very few data."""
    max_steps: Natural = 0
    """End training after this step, also inside an epoch; with --epochs too, at the earlier end. 0: no limit."""
    max_time: NonNegative | str = 0.0
    """End training after this time in steps, such as 600, 10m or 2h, at the end of the step at hand; validation and
    compilation do not count. Epochs, schedules and warm-ups are as without it. 0: no limit."""
    patience: Natural = 0
    """Early stopping: stop after this many epochs without a better validation loss and keep the best weights; 0: never.
    If the loss has a warm-up, epochs are compared by the final loss, and epochs of the warm-up do not count."""
    on_nan: Literal["stop", "skip"] = "stop"
    """If a loss, a gradient or a buffer is not finite: stop before the weights change, or skip the step."""
    max_skips: Natural = 20
    """Stop after more skipped steps than this."""


@config
class Optimisation:
    """How the weights change."""

    batch_size: Count = 128
    """Examples per step."""
    optimizer: str = "adam"
    """adam couples weight decay to the gradient, adamw or adamw:DECAY does not (Loshchilov & Hutter 2019); sgd,
    sgd:MOMENTUM; all: genzoo list --kind optimizer."""
    lr: Positive = 1e-3
    """Learning rate."""
    schedule: str = "constant"
    """Learning rate after its warm-up: constant, or a cosine down to 0; all: genzoo list --kind schedule."""
    lr_warmup: Natural = 0
    """Steps over which the learning rate rises linearly from 0."""
    weight_decay: NonNegative = 0.0
    """Weight decay."""
    grad_clip: NonNegative = 0.0
    """Largest norm of the gradient; 0: no clipping."""
    ema: Annotated[float, Range(0, 0.999999)] = 0.0
    """Decay of a moving average of the weights, which is then evaluated and saved; 0: none."""


@config
class Training(View, Execution, Optimisation, Stopping):
    """How to train, and on what view of the data."""

    def __post_init__(self) -> None:
        seconds = self.max_time
        if isinstance(seconds, str):
            try:
                seconds = seconds_in(seconds)
            except UsageError as error:
                raise OptionError(f"--max-time: {error.message}: {error.hint}", type(self), "max_time") from None
        object.__setattr__(self, "max_time", seconds)
        for option in ("metrics", "listeners"):
            names = tuple(name for text in getattr(self, option) for name in names_in(text))
            object.__setattr__(self, option, names)  # the dataclass is frozen
