"""Everything that this package registers does what genzoo asks of it."""

from collections.abc import Callable

from genzoo.testing import parametrize_with_checks


# Both losses hold the examples of a batch against each other.
@parametrize_with_checks("factor-vae", "beta-tc-vae", "factor", "tc", meant=["batches"])
def test_conformance(check: Callable[[], None]) -> None:
    check()
