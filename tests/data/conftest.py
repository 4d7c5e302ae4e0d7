"""Tiny datasets, a clean environment, and the real MNIST."""

from data_fixtures import cache, home, other, real_mnist, tiny  # noqa: F401 (fixtures)
