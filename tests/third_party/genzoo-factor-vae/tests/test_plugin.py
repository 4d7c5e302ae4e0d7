"""Everything that this package registers does what genzoo asks of it."""

from collections.abc import Callable

import pytest

from genzoo.testing import parametrize_with_checks


# Both losses hold the examples of a batch against each other.
@pytest.mark.filterwarnings("ignore:.* as the mean of its examples")
@parametrize_with_checks("factor-vae", "beta-tc-vae", "factor", "tc")
def test_conformance(check: Callable[[], None]) -> None:
    check()
