"""Where the values of an option lie."""

from __future__ import annotations

import pytest

from genzoo.core.errors import UsageError
from genzoo.experiment.dimensions import Dimension, dimension


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lr=1e-4..1e-2:log", Dimension("--lr", (), 1e-4, 1e-2, log=True)),
        ("beta=0.5..2", Dimension("--beta", (), 0.5, 2.0)),
        ("latent-dim=2..32", Dimension("--latent-dim", (), 2, 32, whole=True)),
        ("latent-dim=2..32:log", Dimension("--latent-dim", (), 2, 32, log=True, whole=True)),
        ("shift=-3..-1", Dimension("--shift", (), -3, -1, whole=True)),
        ("hidden=100|200,200", Dimension("--hidden", ("100", "200,200"))),
        ("beta=1,2,1", Dimension("--beta", ("1", "2"))),
    ],
)
def test_where_the_values_of_an_option_lie(text: str, found: Dimension) -> None:
    assert dimension(text) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr", "an option and its values are needed"),
        ("lr=3", "one value is no search"),
        ("lr=a..b", "the ends of a range are numbers"),
        ("lr=2..1", "the smaller end comes first"),
        ("lr=1..1", "the smaller end comes first"),
        ("lr=0..1:log", "by its logarithm begins above 0"),
        ("lr=nan..1", "the smaller end comes first"),
        ("beta=8..0.1:log", r"the smaller end comes first\n  write: --search beta=0.1..8:log$"),
        ("beta=0.1-8", r"one value is no search\n  write: --search beta=0.1..8$"),
        ("lr=1e-4-1e-2:log", r"one value is no search\n  write: --search lr=1e-4..1e-2:log$"),
    ],
)
def test_what_is_no_dimension_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dimension(text)
