"""The transformer: its conditionals held against enumeration, perturbation and a Markov chain's entropy."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from genzoo_plugins.autoregressive.transformer import Transformer
from registered_data import dataset, load
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded
from genzoo.testing.pair import Pair, loss_of

LEVELS, LENGTH = 4, 4
SPEC = genzoo.DataSpec((LENGTH,), "", kind="tokens", levels=LEVELS)


def model_of(spec: genzoo.DataSpec = SPEC, width: int = 16) -> Transformer:
    """An untrained model with large weights, so that no dependence is too weak to be seen."""
    with seeded(0):
        model = Transformer(spec, Transformer.Config(width=width, depth=2, heads=2))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


def every_sequence() -> Tensor:
    return torch.tensor(list(itertools.product(range(LEVELS), repeat=LENGTH)))


@torch.no_grad()
def test_the_probabilities_of_all_sequences_sum_to_1() -> None:
    x = every_sequence()
    log_prob = model_of().log_prob(x).double()
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-5)
    after = ((x[:, :-1] == 0) & (x[:, 1:] != 0)).any(1)
    assert torch.equal(log_prob == -math.inf, after)  # tokens after the end, and only these, are impossible
    assert log_prob[~after].std() > 1  # not the uniform distribution


@torch.no_grad()
def test_a_conditional_depends_on_all_earlier_tokens_and_on_no_other() -> None:
    model, x = model_of(), torch.tensor([[1, 2, 3, 1]])
    before = model.logits(x)
    for place in range(LENGTH):
        changed = x.clone()
        changed[0, place] = x[0, place] % (LEVELS - 1) + 1
        moved = (model.logits(changed) - before).abs().amax(-1)[0] > 1e-4
        assert moved.tolist() == [later > place for later in range(LENGTH)]


@torch.no_grad()
def test_the_end_counts_and_what_follows_it_does_not() -> None:
    model = model_of()
    x = torch.tensor([[2, 0, 0, 0], [2, 3, 1, 1]])
    log_p = model.logits(x).log_softmax(-1)
    by_hand = [log_p[0, 0, 2] + log_p[0, 1, 0], log_p[1, 0, 2] + log_p[1, 1, 3] + log_p[1, 2, 1] + log_p[1, 3, 1]]
    torch.testing.assert_close(model.log_prob(x), torch.stack(by_hand))


@torch.no_grad()
def test_logits_with_a_cache_are_those_without() -> None:
    model, x, caches = model_of(), torch.tensor([[1, 2, 3, 1], [3, 3, 1, 0]]), [None, None]
    before = torch.zeros(2, dtype=torch.int64)
    for place, wanted in enumerate(model.logits(x).unbind(1)):
        torch.testing.assert_close(model.next_logits(before, place, caches), wanted)
        before = x[:, place]


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(genzoo.UsageError, match=r"--width 10 is not a multiple of --heads 4") as caught:
        Transformer(SPEC, Transformer.Config(width=10))
    assert caught.value.hint == "--width 12"


def test_unknown_labels_change_nothing() -> None:
    objective = Pair.of("char-model", spec=SPEC._replace(classes=2, size=10)).build()
    batch = Pair.of("char-model", spec=SPEC._replace(classes=2, size=10)).batch(6)
    losses = [loss_of(objective, batch._replace(y=y))["loss"].item() for y in (batch.y, torch.full((6,), -1), None)]
    assert losses[0] == losses[1] == losses[2]


@pytest.mark.long
def test_it_reaches_the_entropy_of_a_markov_chain_and_never_beats_it() -> None:
    """The known density is that of the same test sequences, so that the choice of examples cancels."""
    options = {"train": 4000, "validation": 0, "test": 2000, "length": 16}
    data, splits = dataset("markov", **options), load("markov", **options)
    x, test = splits.train.x[:].long(), splits.test.x[:].long()
    with seeded(0):
        model = Transformer(data.spec, Transformer.Config(width=16, depth=1, heads=2))
        optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
        for step in range(400):
            batch = x[torch.randint(len(x), (64,))]
            optimizer.zero_grad()
            (-model.log_prob(batch).mean()).backward()
            optimizer.step()
            if step == 300:
                optimizer.param_groups[0]["lr"] = 5e-4
    with torch.no_grad():
        gap = -model.log_prob(test).double() + data.log_density(test)
    error = gap.std().item() / len(test) ** 0.5
    assert -4 * error < gap.mean().item() < 0.05
