"""Finished runs to report on."""

from made_up_runs import runs  # noqa: F401 (fixture)
