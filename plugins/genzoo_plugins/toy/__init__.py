"""Generated datasets of two and three dimensions."""

from genzoo.core.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    home = "genzoo_plugins.toy"
    register(
        "moons",
        f"{home}.moons:Moons",
        summary="two interleaved half circles in the plane; generated",
        paper="after scikit-learn's make_moons",
    )
    register(
        "quadratic",
        f"{home}.densities:Quadratic",
        summary="points near the bowl y = ½x₁² + ½x₂² in space; generated, density known",
    )
    register(
        "rings",
        f"{home}.densities:Rings",
        summary="four circles in the plane; generated, density known",
        paper="after Grathwohl et al. 2019, arXiv 1810.01367",
    )
    register(
        "pinwheel",
        f"{home}.densities:Pinwheel",
        summary="five twisted arms in the plane; generated, density known",
        paper="after Johnson et al. 2016, arXiv 1603.06277",
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
