"""Fashion-MNIST."""

from genzoo.core.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "fashion-mnist",
        "genzoo_plugins.fashion_mnist.dataset:FashionMNIST",
        summary="70,000 articles of clothing, 28×28 grey",
        paper="Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747",
    )
