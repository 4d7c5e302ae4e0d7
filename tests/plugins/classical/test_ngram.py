"""N-grams: impossible sequences, and tables that would be too large."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.classical.ngram import NGram

import genzoo

SPEC = genzoo.DataSpec((4,), "", kind="tokens", levels=3)


def test_tokens_after_the_end_are_impossible() -> None:
    model = NGram(SPEC, NGram.Config())
    x = torch.tensor([[1, 2, 0, 0], [1, 0, 2, 0]])
    model.fit([genzoo.Batch(x[:1])])
    assert model.log_prob(x).isfinite().tolist() == [True, False]


def test_contexts_are_interpolated_with_shorter_ones() -> None:
    """Of the bigrams ab, ab, ba: after a, p(b) = (2 + p₁(b)) / (2 + 1), with p₁(b) from single tokens."""
    model = NGram(SPEC, NGram.Config(order=2))
    model.fit([genzoo.Batch(torch.tensor([[1, 2, 1, 2]]))])
    single = (2 + 2 / 3) / (4 + 2)  # b twice of four tokens, two kinds seen, and equal probabilities below
    assert model.log_probabilities[1, 2].exp().item() == pytest.approx((2 + single) / 3)
    torch.testing.assert_close(model.log_probabilities.exp().sum(1), torch.ones(3))


def test_a_table_too_large_is_refused() -> None:
    with pytest.raises(genzoo.UsageError, match="more than") as caught:
        NGram(SPEC._replace(levels=100), NGram.Config(order=5))
    assert caught.value.hint == "--order 3"
