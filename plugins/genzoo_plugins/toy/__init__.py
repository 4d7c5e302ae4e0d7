"""Generated data of two dimensions."""

from genzoo.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "moons",
        "genzoo_plugins.toy.moons:Moons",
        summary="two interleaved half circles in the plane; generated",
        paper="after scikit-learn's make_moons",
    )
