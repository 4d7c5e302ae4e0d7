"""Checks of a loss's phases and of its `after_step`."""

from __future__ import annotations

import torch

from genzoo.core.loss import Phase
from genzoo.core.noise import seeded
from genzoo.testing.check import require
from genzoo.testing.graph_safety import assert_graph_safe
from genzoo.testing.pair import EXAMPLES, Pair, loss_of, phase_terms, train
from genzoo.training.phases import cycle, trained_by


def check_phases(pair: Pair) -> str | None:
    """Each phase trains parameters, no two the same and all together every one. Its loss reaches these alone, and its
    terms have names that no other phase returns."""
    objective = pair.build()
    phases = objective.loss.phases
    if phases == (Phase(),):
        return "one phase that trains everything"
    cycle(phases)
    names: dict[str, int] = {}
    for number, own in enumerate(trained_by(objective)):
        objective.zero_grad()
        before = {name: parameter.detach().clone() for name, parameter in objective.named_parameters()}
        terms = phase_terms(objective, pair.batch(EXAMPLES), number)
        terms[phases[number].term].backward(inputs=list(own.values()))
        for name, parameter in objective.named_parameters():
            require(torch.equal(parameter, before[name]), f"{pair}: the forward pass of phase {number} changes {name}")
            require(name in own or parameter.grad is None, f"{pair}: phase {number} gives {name} a gradient")
        reached = any(parameter.grad is not None for parameter in own.values())
        require(reached, f"{pair}: the {phases[number].term!r} of phase {number} reaches none of its parameters")
        for name in terms:
            other = names.setdefault(name, number)
            require(other == number, f"{pair}: phases {other} and {number} both return {name!r}")
    watched = objective.loss.watched
    require(not watched or watched in names, f"{pair}: the watched term {watched!r} is not one of {sorted(names)}")
    return None


def check_after_step(pair: Pair) -> str | None:
    """after_step changes buffers in place and the data of parameters only, keeps them finite, and can be captured; a
    training that goes on from them is the same."""
    objective, batch = pair.build(), pair.batch(EXAMPLES)
    if not objective.loss.acts_after_step():
        return "the loss has no after_step"
    train(objective, batch, 2)
    gradients = {name: parameter.grad for name, parameter in objective.named_parameters()}
    memory = {name: tensor.data_ptr() for name, tensor in objective.state_dict().items()}
    with torch.no_grad(), seeded(0):
        objective.loss.after_step(objective.model, batch, torch.tensor(2))
    for name, parameter in objective.named_parameters():
        require(parameter.grad is gradients[name], f"{pair}: after_step changes the gradient of {name}")
    for name, tensor in objective.state_dict().items():
        same = tensor.data_ptr() == memory[name]
        require(same, f"{pair}: after_step replaces {name}; a captured step writes to the memory of before")
        require(bool(tensor.isfinite().all()), f"{pair}: after_step makes {name} not finite")
    again = pair.build()
    again.load_state_dict(objective.state_dict())
    one, other = (loss_of(part, batch, 3) for part in (objective, again))
    for name, term in one.items():
        kept = torch.equal(term, other[name])
        require(kept, f"{pair}: after_step changes what is in no buffer: {name!r} is another in a resumed training")
    assert_graph_safe(objective, [batch._replace(x=torch.zeros_like(batch.x)), batch], [0, 10_000])
    return None
