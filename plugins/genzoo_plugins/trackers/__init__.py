"""Run listeners that report a run to other programs."""

from genzoo.core.hookspecs import Register, hookimpl


@hookimpl
def register_listeners(register: Register) -> None:
    register(
        "tensorboard",
        "genzoo_plugins.trackers.tensorboard:TensorBoard",
        summary="curves, figures and results into RUN/tensorboard: tensorboard --logdir runs",
    )
