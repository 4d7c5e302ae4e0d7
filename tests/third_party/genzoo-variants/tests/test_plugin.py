"""Everything that this package registers does what genzoo asks of it."""

from collections.abc import Callable

from genzoo.testing import parametrize_with_checks


@parametrize_with_checks("residual-vae", "constant-variance-vae", "student-vae", "negative-binomial")
def test_conformance(check: Callable[[], None]) -> None:
    check()
