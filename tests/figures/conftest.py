"""Untrained models as the input of figures."""

from figure_contexts import subject  # noqa: F401 (fixture)
