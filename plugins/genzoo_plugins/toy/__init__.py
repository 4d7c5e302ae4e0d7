"""Generated datasets: points, and small sequences, signals, views and pictures of which everything is known."""

from genzoo.core.hookspecs import Register, hookimpl

HOME = "genzoo_plugins.toy"


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "moons",
        f"{HOME}.moons:Moons",
        summary="two interleaved half circles in the plane; generated, density known",
        paper="after scikit-learn's make_moons",
        theory=f"{HOME}.theory:moons",
    )
    register(
        "quadratic",
        f"{HOME}.densities:Quadratic",
        summary="points near the bowl y = ½x₁² + ½x₂² in space; generated, density known",
        theory=f"{HOME}.theory:quadratic",
    )
    register(
        "rings",
        f"{HOME}.densities:Rings",
        summary="four circles in the plane; generated, density known",
        paper="after Grathwohl et al. 2019, arXiv 1810.01367",
        theory=f"{HOME}.theory:rings",
    )
    register(
        "pinwheel",
        f"{HOME}.densities:Pinwheel",
        summary="five twisted arms in the plane; generated, density known",
        paper="after Johnson et al. 2016, arXiv 1603.06277",
        theory=f"{HOME}.theory:pinwheel",
    )
    register(
        "swiss-roll",
        f"{HOME}.curves:SwissRoll",
        summary="a spiral in the plane; generated",
        paper="after Grathwohl et al. 2019, arXiv 1810.01367",
    )
    register(
        "spirals",
        f"{HOME}.curves:Spirals",
        summary="two interleaved spirals in the plane; generated",
        paper="after Grathwohl et al. 2019, arXiv 1810.01367",
    )
    register_structured(register)


def register_structured(register: Register) -> None:
    """Register sequences, signals, rows of several parts and pictures."""
    register(
        "markov",
        f"{HOME}.markov:Markov",
        summary="sequences of two symbols from a Markov chain; generated, entropy 0.3965 nats a symbol",
        paper="Shannon 1948, section 7",
        theory=f"{HOME}.theory:markov",
    )
    register(
        "hmm",
        f"{HOME}.hmm:HMM",
        summary="sequences of four symbols from a hidden Markov chain; generated, probability known",
        paper="Rabiner 1989, Proceedings of the IEEE 77",
        theory=f"{HOME}.theory_rows:hmm",
    )
    register(
        "waves",
        f"{HOME}.waves:Waves",
        summary="sound: sums of three sines of random loudness and phase; generated, density and power known",
        theory=f"{HOME}.theory:waves",
    )
    register(
        "two-views",
        f"{HOME}.two_views:TwoViews",
        summary="rows of two views of one latent, linear and Gaussian; generated, density known",
        paper="Bach & Jordan 2005, technical report 688, Berkeley",
        theory=f"{HOME}.theory:two_views",
    )
    register(
        "mixed-table",
        f"{HOME}.mixed_table:MixedTable",
        summary="rows of two numbers and two names in three groups; generated, density known",
        theory=f"{HOME}.theory_rows:mixed_table",
    )
    register(
        "gene-counts",
        f"{HOME}.cells:Cells",
        summary="counts of eight genes in cells of three kinds, at two depths; generated, probability known",
        paper="after Lopez et al. 2018, Nature Methods 15",
        theory=f"{HOME}.theory_rows:cells",
    )
    register(
        "sprites",
        f"{HOME}.sprites:Sprites",
        summary="16x16 shapes of known shape, size and place; generated",
        paper="after Matthey et al. 2017, dSprites",
    )
