"""Generated datasets: points, and small sequences, signals, views and pictures of which everything is known."""

from genzoo.core.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    home = "genzoo_plugins.toy"
    register(
        "moons",
        f"{home}.moons:Moons",
        summary="two interleaved half circles in the plane; generated, density known",
        paper="after scikit-learn's make_moons",
        theory="genzoo_plugins.toy.theory:moons",
    )
    register(
        "quadratic",
        f"{home}.densities:Quadratic",
        summary="points near the bowl y = ½x₁² + ½x₂² in space; generated, density known",
        theory="genzoo_plugins.toy.theory:quadratic",
    )
    register(
        "rings",
        f"{home}.densities:Rings",
        summary="four circles in the plane; generated, density known",
        paper="after Grathwohl et al. 2019, arXiv 1810.01367",
        theory="genzoo_plugins.toy.theory:rings",
    )
    register(
        "pinwheel",
        f"{home}.densities:Pinwheel",
        summary="five twisted arms in the plane; generated, density known",
        paper="after Johnson et al. 2016, arXiv 1603.06277",
        theory="genzoo_plugins.toy.theory:pinwheel",
    )
    register(
        "swiss-roll",
        f"{home}.curves:SwissRoll",
        summary="a spiral in the plane; generated",
        paper="after Grathwohl et al. 2019, arXiv 1810.01367",
    )
    register(
        "spirals",
        f"{home}.curves:Spirals",
        summary="two interleaved spirals in the plane; generated",
        paper="after Grathwohl et al. 2019, arXiv 1810.01367",
    )
    register(
        "markov",
        f"{home}.markov:Markov",
        summary="sequences of two symbols from a Markov chain; generated, entropy 0.3965 nats a symbol",
        paper="Shannon 1948, section 7",
        theory="genzoo_plugins.toy.theory:markov",
    )
    register(
        "hmm",
        f"{home}.hmm:HMM",
        summary="sequences of four symbols from a hidden Markov chain; generated, probability known",
        paper="Rabiner 1989, Proceedings of the IEEE 77",
        theory="genzoo_plugins.toy.theory_rows:hmm",
    )
    register(
        "waves",
        f"{home}.waves:Waves",
        summary="sound: sums of three sines of random loudness and phase; generated, density and power known",
        theory="genzoo_plugins.toy.theory:waves",
    )
    register(
        "two-views",
        f"{home}.two_views:TwoViews",
        summary="rows of two views of one latent, linear and Gaussian; generated, density known",
        paper="Bach & Jordan 2005, technical report 688, Berkeley",
        theory="genzoo_plugins.toy.theory:two_views",
    )
    register(
        "mixed-table",
        f"{home}.mixed_table:MixedTable",
        summary="rows of two numbers and two names in three groups; generated, density known",
        theory="genzoo_plugins.toy.theory_rows:mixed_table",
    )
    register(
        "gene-counts",
        f"{home}.cells:Cells",
        summary="counts of eight genes in cells of three kinds, at two depths; generated, probability known",
        paper="after Lopez et al. 2018, Nature Methods 15",
        theory="genzoo_plugins.toy.theory_rows:cells",
    )
    register(
        "sprites",
        f"{home}.sprites:Sprites",
        summary="16x16 shapes of known shape, size and place; generated",
        paper="after Matthey et al. 2017, dSprites",
    )
