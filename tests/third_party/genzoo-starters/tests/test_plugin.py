"""Everything that this package registers does what genzoo asks of it."""

from collections.abc import Callable

from genzoo.testing import parametrize_with_checks

MODELS = ("starter-density", "starter-flow", "starter-closed-form", "starter-game", "starter-sampler")
PARTS = ("starter-likelihood", "starter-prior", "starter-posterior", "starter-bijection", "starter-figure")


@parametrize_with_checks(*MODELS, *PARTS, "starter-listener", "starter-command")
def test_conformance(check: Callable[[], None]) -> None:
    check()
