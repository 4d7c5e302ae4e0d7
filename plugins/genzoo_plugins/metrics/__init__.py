"""Figures of a model: those every run reports, and those asked for by name."""

from genzoo.hookspecs import Register, hookimpl


@hookimpl
def register_metrics(register: Register) -> None:
    home = "genzoo_plugins.metrics"
    register(
        "negative-elbo",
        f"{home}.bound:NegativeELBO",
        summary="−ELBO at beta = 1: reconstruction + KL, in nats an example",
        paper="Kingma & Welling 2014, eq. 3",
    )
    register("reconstruction", f"{home}.bound:Reconstruction", summary="E[−ln p(x|z)], in nats an example")
    register("kl", f"{home}.bound:KL", summary="KL(q(z|x)‖p(z)), in nats an example")
    register("mse", f"{home}.codes:MSE", summary="squared error a dimension of decode(encode(x))")
    register(
        "active-units",
        f"{home}.codes:ActiveUnits",
        summary="latent dimensions whose posterior mean varies with x",
        paper="Burda et al. 2016, arXiv 1509.00519, section 5.2",
    )
    register(
        "iwae",
        f"{home}.iwae:IWAE",
        summary="importance-weighted bound on −ln p(x), in nats an example; iwae:5000 for 5,000 samples",
        paper="Burda et al. 2016, arXiv 1509.00519, section 3",
    )
    register("bits-per-dim", f"{home}.bound:BitsPerDim", summary="−ELBO in bits a dimension, of discrete values")
