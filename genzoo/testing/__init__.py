"""The conformance kit: what a model, loss, dataset, metric, command or run listener must do.

`genzoo check NAME` prints it as a table; in a plugin's own tests:

    from genzoo.testing import parametrize_with_checks

    @parametrize_with_checks("my-model", "my-loss")
    def test_conformance(check):
        check()

Every check raises AssertionError with one line that names the fault.
"""

from __future__ import annotations

from genzoo.testing.check import Check
from genzoo.testing.graph_safety import assert_fullgraph, assert_graph_safe
from genzoo.testing.mathematics import assert_mean_over_examples
from genzoo.testing.model_checks import CHECKS
from genzoo.testing.pair import SPECS, Pair
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
