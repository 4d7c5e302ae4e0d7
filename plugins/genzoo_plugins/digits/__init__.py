"""Small handwritten digits that come with genzoo."""

from genzoo.core.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "digits",
        "genzoo_plugins.digits.dataset:Digits",
        summary="1,797 handwritten digits, 8×8 grey; comes with genzoo",
        paper="Alpaydin & Kaynak 1998, UCI Optical Recognition of Handwritten Digits, doi 10.24432/C50P49",
    )
