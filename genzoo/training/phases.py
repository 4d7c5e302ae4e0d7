"""The phases of a training step: whose parameters each one trains, and when."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genzoo.core.errors import PluginError, did_you_mean
from genzoo.core.loss import Loss, Phase
from genzoo.core.optimizer import ParameterGroup
from genzoo.training.objective import Objective

COUNT = "_steps_of_phase_"
"""Beginning of the name of a sum that counts the steps in which a phase was active. It follows the phase's terms."""


class Piece(NamedTuple):
    """A part of a step with noise of its own: one phase, and what is done once before the first and after the last."""

    phase: int = 0
    first: bool = True
    last: bool = True


def cycle(phases: Sequence[Phase]) -> list[tuple[Piece, ...]]:
    """Return the pieces of each step; step number n is like step number n mod the length of the list.

    Raises:
        PluginError: `every` is less than 1, or no phase is active in every step.
    """
    every = [phase.every for phase in phases]
    if min(every, default=0) != 1:
        raise PluginError(f"the loss's phases are active every {', '.join(map(str, every))} steps", "one must have 1")
    steps = []
    for number in range(math.lcm(*every)):
        active = [index for index, phase in enumerate(phases) if (number + 1) % phase.every == 0]
        steps.append(tuple(Piece(index, index == active[0], index == active[-1]) for index in active))
    return steps


def different_steps(steps: Sequence[tuple[Piece, ...]]) -> list[int]:
    """Return the first step of each kind."""
    return [steps.index(pieces) for pieces in dict.fromkeys(steps)]


def changed_before_the_end(
    objective: Objective,
    steps: Sequence[tuple[Piece, ...]],
    trained: Sequence[Mapping[str, Tensor]],
    state: Mapping[str, Tensor],
) -> list[Tensor]:
    """Return the parameters that a step may change before it is known to be finite, and their state in the optimiser.

    They are those of the phases that another one may follow, and all of them if the loss's `after_step` follows.

    Args:
        objective: The model and the loss.
        steps: The pieces of each step.
        trained: The parameters that each phase trains, by name.
        state: The optimiser's, by names such as "encoder.1.weight.exp_avg".
    """
    if objective.loss.acts_after_step():
        return [*objective.parameters(), *state.values()]
    early = {piece.phase for pieces in steps for piece in pieces if not piece.last}
    late = {name for phase, own in enumerate(trained) if phase not in early for name in own}
    parameters = [parameter for phase in sorted(early) for parameter in trained[phase].values()]
    return parameters + [tensor for name, tensor in state.items() if name.rpartition(".")[0] not in late]


def trained_by(objective: Objective) -> list[dict[str, nn.Parameter]]:
    """Return the parameters that each phase trains, by name.

    Raises:
        PluginError: A phase trains none, two phases train the same, or no phase trains some parameter; or the loss's
            `forward` takes no phase.
    """
    phases = objective.loss.phases
    if len(phases) > 1 and not takes_phase(objective.loss):
        what = f"{type(objective.loss).__name__} has {len(phases)} phases, and its forward takes none"
        raise PluginError(what, "define forward(model, batch, step, phase=0)")
    every = {name: parameter for name, parameter in objective.named_parameters() if parameter.requires_grad}
    found: list[dict[str, nn.Parameter]] = []
    for number, phase in enumerate(phases):
        own = {name: every[name] for name in every if not phase.of or f"{name}.".startswith(f"{phase.of}.")}
        if not own:
            raise PluginError(
                f"phase {number} ({phase.term!r}) trains {phase.of!r}, and no trainable parameter has that name",
                f"parameters are called {', '.join(_beginnings(every))}.{did_you_mean(phase.of, _beginnings(every))}",
            )
        for other, names in enumerate(found):
            if both := names.keys() & own.keys():
                raise PluginError(f"phases {other} and {number} both train {min(both)}", "name parts without overlap")
        found.append(own)
    if left := every.keys() - {name for names in found for name in names}:
        raise PluginError(f"no phase trains {min(left)}", "name it in a phase's `of`, or set requires_grad to False")
    return found


def groups_of(phases: Sequence[Phase], trained: Sequence[Iterable[str]], names: Sequence[str]) -> list[ParameterGroup]:
    """Return the optimiser's group of each phase.

    Args:
        phases: The phases.
        trained: The names of the parameters that each one trains.
        names: The names of all parameters, in the optimiser's order.
    """
    place = {name: i for i, name in enumerate(names)}
    return [
        ParameterGroup([place[name] for name in own], phase.lr, phase.betas)
        for phase, own in zip(phases, trained, strict=True)
    ]


def takes_phase(loss: Loss) -> bool:
    """Return whether a loss's `forward` has a parameter for the phase."""
    try:
        inspect.signature(type(loss).forward).bind(loss, None, None, None, 0)
    except TypeError:
        return False
    return True


def minimised(loss: Loss, terms: Mapping[str, Tensor], phase: int) -> Tensor:
    """Return the term that a phase minimises.

    Raises:
        PluginError: The loss does not return it.
    """
    name = loss.phases[phase].term
    if name not in terms:
        of_phase = f" in phase {phase}" if len(loss.phases) > 1 else ""
        what = f"{type(loss).__name__} returns {', '.join(terms) or 'nothing'}{of_phase}, and not {name!r}"
        raise PluginError(what, "return it: forward gives the terms of its phase by name")
    return terms[name]


def _beginnings(names: Mapping[str, object]) -> list[str]:
    """Return the first two parts of names such as "loss.critic.0.weight", each once."""
    return list(dict.fromkeys(".".join(name.split(".")[:2]) for name in names))


def with_counts(terms: Mapping[int, Mapping[str, Tensor]]) -> list[tuple[str, Tensor]]:
    """Return the names and values of a step's terms, by phase; a 1 that is to be counted follows those of each."""
    pairs: list[tuple[str, Tensor]] = []
    for phase, own in terms.items():
        pairs += [*own.items(), (f"{COUNT}{phase}", torch.ones_like(next(iter(own.values()))))]
    return pairs


def with_new_terms(names: tuple[str, ...], sums: Tensor, terms: Iterable[str]) -> tuple[tuple[str, ...], Tensor]:
    """Return names and sums with those of the step's terms that are new. A phase's terms end with its count.

    Raises:
        PluginError: Two phases return a term of the same name.
    """
    known, added = _groups(names), _groups(tuple(terms))
    merged = tuple(name for count in sorted(known | added) for name in (known | added)[count])
    if len(set(merged)) < len(merged):
        twice = next(name for name in merged if merged.count(name) > 1)
        raise PluginError(f"two phases of the loss return {twice!r}", "give the terms of each phase names of their own")
    larger = sums.new_zeros(len(merged))
    for place, name in enumerate(names):
        larger[merged.index(name)] = sums[place]
    return merged, larger


def means_of_phases(names: Sequence[str], sums: Sequence[float]) -> dict[str, float]:
    """Return the mean of each term over the steps in which its phase was active, without phases that were not."""
    values = dict(zip(names, sums, strict=True))
    return {
        name: values[name] / values[count]
        for count, group in _groups(tuple(names)).items()
        for name in group[:-1]
        if values[count]
    }


def _groups(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the names of each phase's terms and of its count, by the latter."""
    ends = [place for place, name in enumerate(names) if name.startswith(COUNT)]
    starts = [0, *(end + 1 for end in ends)]
    return {names[end]: names[start : end + 1] for start, end in zip(starts, ends, strict=False)}


def leave_out_trained(parameters: dict[str, nn.Parameter]) -> None:
    """Remove the parameters that have a gradient."""
    for name in [name for name, parameter in parameters.items() if parameter.grad is not None]:
        del parameters[name]
