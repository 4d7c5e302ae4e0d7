"""The trainer's options as keyword arguments, for editors and type checkers; a test compares them with `Training`."""

from __future__ import annotations

from typing import Literal, TypedDict


class TrainingOptions(TypedDict, total=False):
    """The options of `genzoo.training.config.Training`, which has what each of them means."""

    epochs: int | Literal["auto"]
    max_steps: int
    max_time: float | str
    patience: int
    on_nan: Literal["stop", "skip"]
    max_skips: int
    batch_size: int
    optimizer: str
    lr: float
    schedule: str
    lr_warmup: int
    weight_decay: float
    grad_clip: float
    ema: float
    seed: int
    device: str
    precision: Literal["fp32", "bf16"]
    mode: Literal["auto", "eager", "compile", "graph"]
    save_every: float
    listeners: tuple[str, ...]
    metrics: tuple[str, ...]
    binarize: Literal["none", "threshold", "static", "dynamic"]
    standardize: Literal["none", "global"]
    likelihood: str
    stream: Literal["auto", "always", "never"]
