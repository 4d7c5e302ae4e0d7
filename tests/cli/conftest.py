"""Fixtures of the command line: finished runs, tiny datasets, test images and picture files."""

from data_fixtures import cache, home, other, real_mnist, tiny  # noqa: F401 (fixtures)
from made_up_runs import runs  # noqa: F401 (fixture)
from picture_files import files, test_data  # noqa: F401 (fixtures)
from run_fixtures import ae_run, moons_run, told, vae_run  # noqa: F401 (fixtures)
