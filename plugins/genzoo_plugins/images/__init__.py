"""Published image datasets."""

from genzoo.core.hookspecs import Register, hookimpl

HOME = "genzoo_plugins.images"


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "digits",
        f"{HOME}.digits:Digits",
        summary="1,797 handwritten digits, 8×8 grey; comes with genzoo",
        paper="Alpaydin & Kaynak 1998, UCI Optical Recognition of Handwritten Digits, doi 10.24432/C50P49",
    )
    register(
        "fashion-mnist",
        f"{HOME}.fashion_mnist:FashionMNIST",
        summary="70,000 articles of clothing, 28×28 grey",
        paper="Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747",
    )
    register(
        "mnist",
        f"{HOME}.mnist:MNIST",
        summary="70,000 handwritten digits, 28×28 grey",
        paper="LeCun, Bottou, Bengio & Haffner 1998, Proc. IEEE 86(11)",
    )
