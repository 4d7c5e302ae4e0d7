"""The conformance kit: what a registered model and loss must do, for genzoo's own tests and for those of any plugin.

    import pytest
    from genzoo.testing import CHECKS, SPECS, Pair

    @pytest.mark.parametrize("check", CHECKS)
    def test_conformance(check):
        CHECKS[check](Pair.of("my-model", spec=SPECS["grey images"]))

Every check raises AssertionError with one line that names the fault.
"""

from __future__ import annotations

from genzoo.testing.capture import assert_fullgraph, assert_graph_safe
from genzoo.testing.checks import CHECKS, assert_mean_over_examples
from genzoo.testing.pair import SPECS, Pair

__all__ = ["CHECKS", "SPECS", "Pair", "assert_fullgraph", "assert_graph_safe", "assert_mean_over_examples"]
