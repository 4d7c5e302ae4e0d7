"""Finished runs to compare."""

from made_up_runs import runs  # noqa: F401 (fixture)
from run_fixtures import ae_run, moons_run, told, vae_run  # noqa: F401 (fixtures)
