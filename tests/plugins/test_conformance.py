"""Everything that `genzoo check` asks, of models, losses and metrics of the families beyond a plain VAE.

The quick suite has two metrics. The other cases are built in the long suite alone, since that takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from genzoo.testing import parametrize_with_checks

METRICS = ("code-perplexity", "kl-levels")
OTHERS = ("conditional-vae", "iwae", "importance-weighted", "ladder-vae", "vq-vae", "flow-matching", "flow-nll")
OTHERS += ("gan", "wgan-gp", "vq-moving", "geco", "ddpm")
COUPLED = ("factor-vae", "beta-tc-vae", "factor", "tc")
"""Their losses compare the examples of a batch with each other."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    long = metafunc.config.getoption("--long")
    marks = [parametrize_with_checks(*METRICS)]
    if long:
        marks += [parametrize_with_checks(*OTHERS), parametrize_with_checks(*COUPLED, meant=["batches"])]
    metafunc.parametrize("check", [case for mark in marks for case in mark.args[1]])


@pytest.mark.every(2)
def test_conformance(check: Callable[[], None]) -> None:
    check()
