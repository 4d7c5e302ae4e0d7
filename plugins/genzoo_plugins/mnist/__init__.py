"""MNIST."""

from genzoo.core.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "mnist",
        "genzoo_plugins.mnist.dataset:MNIST",
        summary="70,000 handwritten digits, 28×28 grey",
        paper="LeCun, Bottou, Bengio & Haffner 1998, Proc. IEEE 86(11)",
    )
