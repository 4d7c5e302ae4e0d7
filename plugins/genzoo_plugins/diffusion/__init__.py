"""Models that transform noise into data over time: flow matching and diffusion."""

from genzoo.core.hookspecs import Register, RegisterMetric, RegisterModel, hookimpl

HOME = "genzoo_plugins.diffusion"
LIPMAN = "Lipman et al. 2023, arXiv 2210.02747"
HO = "Ho et al. 2020, arXiv 2006.11239"
KARRAS = "Karras et al. 2022, arXiv 2206.00364"
GENG = "Geng et al. 2025, arXiv 2505.13447"
SONG = "Song et al. 2023, arXiv 2303.01469; Song & Dhariwal 2024, arXiv 2310.14189"
LIU = "Liu et al. 2023, arXiv 2209.03003"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "ddpm",
        f"{HOME}.ddpm:DDPM",
        loss="ddpm",
        summary="removes noise from data step by step; no encoder",
        paper=f"{HO}; Song et al. 2021, arXiv 2010.02502",
        training={"ema": 0.999},
        theory=f"{HOME}.theory:denoising",
    )
    register(
        "edm",
        f"{HOME}.edm:EDM",
        loss="edm",
        summary="removes noise of all levels by one denoiser; few steps of Heun's method",
        paper=KARRAS,
        training={"ema": 0.999},
        theory=f"{HOME}.theory:edm",
    )
    register(
        "mdlm",
        f"{HOME}.mdlm:MDLM",
        loss="nll",
        summary="masked diffusion of tokens by a transformer; a bound on ln p(x)",
        paper="Sahoo et al. 2024, arXiv 2406.07524",
        theory=f"{HOME}.theory_tokens:mdlm",
    )
    register(
        "vdm",
        f"{HOME}.vdm:VDM",
        loss="nll",
        summary="diffusion in continuous time that learns how much noise there is; a bound on ln p(x)",
        paper="Kingma et al. 2021, arXiv 2107.00630",
        training={"ema": 0.999},
        theory=f"{HOME}.theory:vdm",
    )
    register_paths(register)


def register_paths(register: RegisterModel) -> None:
    """Register models that learn a velocity, or a jump along a path from noise to data."""
    register(
        "flow-matching",
        f"{HOME}.flow_matching:FlowMatching",
        loss="flow-matching",
        summary="transforms noise into data along a learned velocity field; no encoder",
        paper=f"{LIPMAN}; {LIU}",
        theory=f"{HOME}.theory:flow_matching",
    )
    register(
        "guided-flow-matching",
        f"{HOME}.guided:GuidedFlowMatching",
        loss="flow-matching",
        summary="flow matching for labelled data, with classifier-free guidance",
        paper="Ho & Salimans 2022, arXiv 2207.12598",
        theory=f"{HOME}.theory:guidance",
    )
    register(
        "consistency",
        f"{HOME}.consistency:Consistency",
        loss="consistency",
        summary="jumps from noise to data in one step or a few; no diffusion model is needed",
        paper=SONG,
        training={"ema": 0.999},
        theory=f"{HOME}.theory_few_steps:consistency",
    )
    register(
        "meanflow",
        f"{HOME}.meanflow:MeanFlow",
        loss="meanflow",
        summary="flow matching of the mean velocity over a stretch of time: one step from noise to data",
        paper=GENG,
        training={"ema": 0.999},
        theory=f"{HOME}.theory_few_steps:meanflow",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "ddpm",
        f"{HOME}.ddpm:DDPMLoss",
        summary="squared error of the predicted noise, or of data or v",
        paper=f"{HO}, eq. 14; Salimans & Ho 2022, arXiv 2202.00512",
        theory=f"{HOME}.theory_losses:ddpm_loss",
    )
    register(
        "consistency",
        f"{HOME}.consistency:ConsistencyLoss",
        summary="distance between the jumps from two neighbouring levels of noise",
        paper=SONG,
        theory=f"{HOME}.theory_few_steps:consistency",
    )
    register(
        "edm",
        f"{HOME}.edm:EDMLoss",
        summary="squared error of a denoiser, weighted so that every level of noise counts alike",
        paper=f"{KARRAS}, eq. 2",
        theory=f"{HOME}.theory:edm",
    )
    register(
        "flow-matching",
        f"{HOME}.flow_matching:FlowMatchingLoss",
        summary="squared error of a velocity on straight lines from noise to data",
        paper=f"{LIPMAN}, eq. 23; {LIU}, eq. 1; Tong et al. 2024, arXiv 2302.00482",
        theory=f"{HOME}.theory_losses:flow_matching_loss",
    )
    register(
        "meanflow",
        f"{HOME}.meanflow:MeanFlowLoss",
        summary="squared error of the mean velocity, by its derivative along the flow",
        paper=f"{GENG}, eq. 9",
        theory=f"{HOME}.theory_few_steps:meanflow",
    )


@hookimpl
def register_metrics(register: RegisterMetric) -> None:
    register(
        "flow-nll",
        f"{HOME}.flow_matching:FlowNLL",
        summary="−ln p(x) of a flow by its change of variables, in nats an example; flow-nll:200 for 200 steps",
        paper="Chen et al. 2018, arXiv 1806.07366, theorem 1",
        theory=f"{HOME}.theory_losses:flow_nll",
    )
