"""Curves, figures and results of a run for TensorBoard; needs `pip install 'genzoo[tensorboard]'`."""

from genzoo.core.hookspecs import Register, hookimpl


@hookimpl
def register_listeners(register: Register) -> None:
    register(
        "tensorboard",
        "genzoo_plugins.tensorboard.listener:TensorBoard",
        summary="curves, figures and results into RUN/tensorboard: tensorboard --logdir runs",
    )
