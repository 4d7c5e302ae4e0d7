"""Run listeners that report a run to other programs."""

from genzoo.core.hookspecs import Register, hookimpl

HOME = "genzoo_plugins.trackers"


@hookimpl
def register_listeners(register: Register) -> None:
    register(
        "tensorboard",
        f"{HOME}.tensorboard:TensorBoard",
        summary="curves, figures and results into RUN/tensorboard: tensorboard --logdir runs",
    )
    register("mlflow", f"{HOME}.mlflow:MLflow", summary="a run on the server $MLFLOW_TRACKING_URI")
    register(
        "wandb", f"{HOME}.wandb:WandB", summary="a run of the W&B project $WANDB_PROJECT, or files: WANDB_MODE=offline"
    )
    register("trackio", f"{HOME}.trackio:Trackio", summary="a run in Trackio's local database: trackio show")
