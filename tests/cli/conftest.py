"""Finished runs, and tiny datasets."""

from data_fixtures import cache, home, other, real_mnist, tiny  # noqa: F401 (fixtures)
from run_fixtures import ae_run, moons_run, told, vae_run  # noqa: F401 (fixtures)
