"""The conformance kit: checks that every model, loss, dataset, metric, command or run listener must pass.

`genzoo check NAME` runs them and prints a table. In a plugin's own tests:

    from genzoo.testing import parametrize_with_checks

    @parametrize_with_checks("my-model", "my-loss")
    def test_conformance(check):
        check()

Every check raises AssertionError with one line that describes the fault.
"""

from __future__ import annotations

from genzoo.testing.check import Check
from genzoo.testing.graph_safety import assert_fullgraph, assert_graph_safe
from genzoo.testing.model_checks import CHECKS
from genzoo.testing.pair import SPECS, Pair
from genzoo.testing.probability_checks import assert_mean_over_examples
from genzoo.testing.runner import ConformanceWarning, Finding, examine, parametrize_with_checks

__all__ = [
    "CHECKS",
    "SPECS",
    "Check",
    "ConformanceWarning",
    "Finding",
    "Pair",
    "assert_fullgraph",
    "assert_graph_safe",
    "assert_mean_over_examples",
    "examine",
    "parametrize_with_checks",
]
