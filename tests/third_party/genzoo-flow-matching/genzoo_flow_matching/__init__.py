"""Flow matching as a genzoo plugin: a model without an encoder, its loss and its log-density.

This file only registers. The classes are named as text and imported when first used, so `genzoo list` stays fast.
"""

from genzoo.core.hookspecs import Register, RegisterMetric, RegisterModel, hookimpl

GENZOO_API = 2
"""The plugin API that this was written for."""
LIPMAN = "Lipman et al. 2023, arXiv 2210.02747"
LIU = "Liu et al. 2023, arXiv 2209.03003"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "flow-matching",
        "genzoo_flow_matching.model:FlowMatching",
        loss="flow-matching",
        summary="noise carried to data along a learned velocity field; no encoder",
        paper=f"{LIPMAN}; {LIU}",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "flow-matching",
        "genzoo_flow_matching.loss:FlowMatchingLoss",
        summary="squared error of a velocity on straight lines from noise to data",
        paper=f"{LIPMAN}, eq. 23; {LIU}, eq. 1",
    )


@hookimpl
def register_metrics(register: RegisterMetric) -> None:
    register(
        "flow-nll",
        "genzoo_flow_matching.metric:FlowNLL",
        summary="−ln p(x) of a flow by its change of variables, in nats an example; flow-nll:200 for 200 steps",
        paper="Chen et al. 2018, arXiv 1806.07366, theorem 1",
    )
