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
        "emnist",
        f"{HOME}.emnist:EMNIST",
        summary="131,600 to 814,255 handwritten digits and letters, 28×28 grey",
        paper="Cohen, Afshar, Tapson & van Schaik 2017, arXiv 1702.05373",
    )
    register(
        "fashion-mnist",
        f"{HOME}.fashion_mnist:FashionMNIST",
        summary="70,000 articles of clothing, 28×28 grey",
        paper="Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747",
    )
    register(
        "kmnist",
        f"{HOME}.kmnist:KMNIST",
        summary="70,000 cursive hiragana of 10 classes, 28×28 grey",
        paper="Clanuwat, Bober-Irizar, Kitamoto, Lamb, Yamamoto & Ha 2018, arXiv 1812.01718",
    )
    register(
        "mnist",
        f"{HOME}.mnist:MNIST",
        summary="70,000 handwritten digits, 28×28 grey",
        paper="LeCun, Bottou, Bengio & Haffner 1998, Proc. IEEE 86(11)",
    )
    register(
        "omniglot",
        f"{HOME}.omniglot:Omniglot",
        summary="32,460 drawings of 1,623 characters, 28×28 grey; test alphabets are new",
        paper="Lake, Salakhutdinov & Tenenbaum 2015, Science 350",
    )
    register(
        "qmnist",
        f"{HOME}.qmnist:QMNIST",
        summary="120,000 handwritten digits, 28×28 grey: MNIST with 60,000 test images",
        paper="Yadav & Bottou 2019, arXiv 1905.10498",
    )
    register(
        "usps",
        f"{HOME}.usps:USPS",
        summary="9,298 digits on envelopes, 16×16 grey",
        paper="Hull 1994, IEEE PAMI 16(5)",
    )
    register_colour(register)


def register_colour(register: Register) -> None:
    """Register datasets in colour."""
    register(
        "celeba",
        f"{HOME}.celeba:CelebA",
        summary="202,599 faces, 64×64 in colour, with 40 attributes",
        paper="Liu, Luo, Wang & Tang 2015, arXiv 1411.7766",
    )
    register(
        "cifar10",
        f"{HOME}.cifar:CIFAR10",
        summary="60,000 photographs of 10 classes, 32×32 in colour",
        paper="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
    )
    register(
        "cifar100",
        f"{HOME}.cifar:CIFAR100",
        summary="60,000 photographs of 100 classes, 32×32 in colour",
        paper="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
    )
    register(
        "svhn",
        f"{HOME}.svhn:SVHN",
        summary="99,289 digits of house numbers, 32×32 in colour",
        paper="Netzer, Wang, Coates, Bissacco, Wu & Ng 2011, NIPS workshop on deep learning",
    )
