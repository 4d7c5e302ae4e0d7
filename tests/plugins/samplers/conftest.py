"""Finished runs."""

from run_fixtures import ae_run  # noqa: F401 (fixture)
