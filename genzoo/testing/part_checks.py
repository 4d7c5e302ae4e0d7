"""Checks of a registered part: a likelihood, a prior, a posterior, a bijection; those of other kinds are elsewhere.

Parts are examined alone, on small vectors, where densities can be compared with samples in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genzoo.core.dataset import Batch, DataSpec
from genzoo.core.distributions import DiagGaussian, Distribution
from genzoo.core.errors import UsageError
from genzoo.core.hookspecs import PartKind
from genzoo.core.model import LatentModel
from genzoo.core.noise import keyed, seeded
from genzoo.core.options import NoOptions
from genzoo.core.parts import INTERFACES, Bijection
from genzoo.registry.current import registry
from genzoo.registry.entries import Entry
from genzoo.registry.parts import make_part, written_out
from genzoo.testing.check import Check, require
from genzoo.testing.consistency_checks import difference
from genzoo.testing.densities import centred, examine_distribution
from genzoo.testing.nets_checks import OF_NETS, specs_of
from genzoo.testing.optimizer_checks import OF_OPTIMIZERS, OF_SCHEDULES
from genzoo.testing.pair import PERTURBATION
from genzoo.testing.quantiser_checks import CODES, OF_QUANTISERS
from genzoo.testing.sampler_checks import OF_SAMPLERS

SPEC = DataSpec((3,), "gaussian", size=100)
"""The data that priors are built for."""
LATENTS, CONTEXT, ROWS = 2, 3, 4
"""D, C and B."""
INPUTS: dict[PartKind, tuple[Any, ...]] = {
    "prior": (SPEC, LATENTS),
    "posterior": (LATENTS,),
    "bijection": (LATENTS, 0),
    "quantiser": (CODES, LATENTS),
    "sampler": ((LATENTS,),),
    "optimizer": ([nn.Parameter(torch.zeros(2))], 0.1, 0.0, ()),
}
"""What the constructor of a part gets before its argument; nothing for the other kinds, but for nets what fits them."""
DRAWS = 2000
"""Samples that are held against the density."""
SMALL = 8
"""Largest whole number that is tried as an argument: the default may be many."""
TOLERANCE = 1e-3


class Encoding(LatentModel):
    """A small model with an encoder, for priors."""

    def __init__(self) -> None:
        super().__init__(SPEC, NoOptions())
        self.encoder = nn.Linear(SPEC.numel, 2 * LATENTS)

    def posterior(self, x: Tensor) -> Distribution:
        return DiagGaussian.from_parameters(self.encoder(x))


@dataclass(frozen=True)
class PartTarget:
    """A registered part."""

    entry: Entry

    @property
    def kind(self) -> PartKind:
        """The kind of the part."""
        return self.entry.kind  # type: ignore[return-value]

    def build(self, *inputs: Any) -> Any:
        """Return the part, with its default argument or a smaller one, and with noise on its parameters.

        The noise is needed because initial values hide faults.
        """
        with torch.no_grad(), seeded(0):
            part = make_part(self.kind, self.name, *inputs)
            for parameter in part.parameters():
                scale = PERTURBATION if parameter.dim() < 2 else 0.7 / math.sqrt(parameter[0].numel())
                parameter.add_(scale * torch.randn_like(parameter))
        return part.eval()

    @property
    def name(self) -> str:
        """What to type for the part, with an argument if the default is large."""
        own, name = self.entry.load(), registry().spelling(self.entry)
        large = bool(own.symbol) and isinstance(own.default, int) and own.default > SMALL
        return f"{name}:{SMALL}" if large else name

    def distribution(self) -> tuple[Distribution, nn.Module, list[Tensor]]:
        """Return a distribution that the part makes, the part, and what the distribution is made from."""
        with seeded(1):
            if self.kind == "prior":
                part, model = self.build(SPEC, LATENTS), Encoding()
                part.prepare(Batch(torch.randn(16, *SPEC.shape)))
                return part(model), part, []
            part = self.build(LATENTS) if self.kind == "posterior" else self.build()
            width = part.outputs if self.kind == "posterior" else part.outputs * SPEC.numel
            given = torch.randn(ROWS, width).requires_grad_()
            return part(given), part, [given]


def inputs_of(target: PartTarget) -> tuple[Any, ...]:
    """Return what the constructor of a part gets before its argument."""
    return specs_of(target.name)[0] if target.kind == "nets" else INPUTS.get(target.kind, ())


def check_interface(target: PartTarget) -> None:
    """The class extends that of its kind, and is made from its name."""
    interface = INTERFACES[target.kind]
    require(issubclass(target.entry.load(), interface), f"it does not extend genzoo.{interface.__name__}")
    make_part(target.kind, target.name, *inputs_of(target))
    if target.kind == "likelihood":
        made, *_ = target.distribution()
        family = getattr(target.entry.load(), "family", None)
        own = isinstance(family, type) and isinstance(made, family)
        require(own, f"its `family` is {family}, and forward returns a {type(made).__name__}: name that class")


def check_argument(target: PartTarget) -> str | None:
    """Its name with the default written out means the same, and an invalid argument is refused."""
    name = registry().spelling(target.entry)
    full = written_out(target.kind, name)
    require(written_out(target.kind, full) == full, f"{full} is written out as {written_out(target.kind, full)}")
    try:
        make_part(target.kind, f"{name}:no such argument", *inputs_of(target))
    except UsageError:
        return None
    raise AssertionError(f"{name}:no such argument is accepted")


def check_follows(target: PartTarget) -> str | None:
    """Samples follow the density or the probability, which integrates or sums to 1; a mean is theirs; the centre has
    their shape."""
    p, _, _ = target.distribution()
    called = f"the {target.kind}"
    with torch.no_grad(), seeded(2):
        drawn = p.rsample((3,))
        require(bool(p.log_prob(drawn).isfinite().all()), f"{called}: ln p of its own samples is not finite")
        require(p.centre.shape == p.shape == drawn.shape[1:], f"{called}: shape is {tuple(p.shape)}, and centre and "
                f"samples have {tuple(p.centre.shape)} and {tuple(drawn.shape[1:])}")  # fmt: skip
        reason = examine_distribution(p, called, DRAWS)
        if p.measure != "none":
            centred(p, called, loose=0.02)
    return reason


def check_values(target: PartTarget) -> None:
    """log_prob gives the same for a sample and for a copy of it: what it keeps of a sample is right."""
    p, _, _ = target.distribution()
    with torch.no_grad(), seeded(3):
        drawn = p.rsample((5,))
        own, again = p.log_prob(drawn), p.log_prob(drawn.clone())
    near = torch.allclose(own, again, rtol=TOLERANCE, atol=TOLERANCE)
    require(near, f"ln p of a sample and of its copy: {difference(own, again)}")


def check_noise(target: PartTarget) -> str | None:
    """In evaluation the samples of an example depend on its key alone; those of a prior depend on the seed alone."""
    p, _, _ = target.distribution()

    def drawn(seed: int, key: int) -> Tensor:
        with torch.no_grad(), seeded(seed), keyed(torch.arange(key, key + ROWS)):
            return p.rsample((64,))

    if target.kind == "prior":
        require(torch.equal(drawn(0, 0), drawn(0, 9)), "samples of p(z) depend on the examples under evaluation")
        require(not torch.equal(drawn(0, 0), drawn(1, 0)), "samples of p(z) do not depend on the seed")
        return None
    if torch.equal(drawn(0, 0), drawn(1, 9)):
        return "its samples do not vary"
    if target.kind == "likelihood" and torch.equal(drawn(0, 0), drawn(0, 9)):
        return "its samples are drawn from torch's generators, all in one"
    require(torch.equal(drawn(0, 0), drawn(1, 0)), "in evaluation, samples depend on the seed and not on the example")
    return None


def check_batch(target: PartTarget) -> str | None:
    """The batch axis can be split, and each example has the log-probability that it has alone."""
    p, part, given = target.distribution()
    if not given:
        return "a prior has no batch axis"
    with torch.no_grad(), seeded(4):
        x = p.rsample((3,))
        whole = p.log_prob(x.clone())
        split = p.unflatten((2, ROWS // 2)).log_prob(x.unflatten(1, (2, ROWS // 2))).flatten(1)
        alone = torch.cat([part(given[0][i : i + 1]).log_prob(x[:, i : i + 1].clone()) for i in range(ROWS)], 1)
    for how, other in (("with the batch axis split", split), ("alone", alone)):
        near = torch.allclose(whole, other, rtol=TOLERANCE, atol=TOLERANCE)
        require(near, f"ln p of an example differs {how}: {difference(whole, other)}")
    return None


def check_gradients(target: PartTarget) -> str | None:
    """ln p of samples has a finite gradient for every parameter of the part and for what it is made from; samples of a
    posterior have one for the latter."""
    p, part, given = target.distribution()
    reached = [*part.named_parameters(), *(("its input", tensor) for tensor in given)]
    if not reached:
        return "it has no parameters"
    with seeded(5):
        drawn = p.rsample((8,))
    total = p.log_prob(drawn.detach()).sum()
    require(total.requires_grad, "ln p depends on nothing that could be trained")
    total.backward()
    for name, tensor in reached:
        alive = tensor.grad is not None and bool(tensor.grad.isfinite().all() and tensor.grad.any())
        require(alive, f"ln p has no finite gradient for {name}")
    if target.kind == "posterior" and p.measure == "density":
        require(drawn.requires_grad, "samples of q(z|x) have no gradient")
    return None


def check_inverse(target: PartTarget) -> None:
    """inverse(forward(x)) is x, with opposite ln |det|, with and without a context."""
    for part, x, context in _mapped(target):
        with torch.no_grad():
            y, there = part(x, context)
            again, back = part.inverse(y, context)
        require(y.shape == x.shape and there.shape == x.shape[:-1], f"forward(x) has shapes {tuple(y.shape)} and "
                f"{tuple(there.shape)} for x of shape {tuple(x.shape)}")  # fmt: skip
        off = (again - x).abs().max().item()
        require(off < TOLERANCE, f"inverse(forward(x)) is {off:.2g} away from x")
        off = (there + back).abs().max().item()
        require(off < TOLERANCE, f"the two ln |det| add up to {off:.2g}, not to 0")


def check_log_det(target: PartTarget) -> None:
    """ln |det dy/dx| is that of the Jacobian by automatic differentiation."""
    for part, x, context in _mapped(target):
        claimed = part(x, context)[1]
        for row in range(len(x)):
            own = None if context is None else context[row]
            jacobian = torch.autograd.functional.jacobian(lambda at, own=own, part=part: part(at, own)[0], x[row])
            exact = torch.linalg.slogdet(jacobian).logabsdet.item()
            near = abs(claimed[row].item() - exact) < TOLERANCE
            require(near, f"ln |det| is {claimed[row].item():.5g}, and by automatic differentiation {exact:.5g}")


def _mapped(target: PartTarget) -> list[tuple[Bijection, Tensor, Tensor | None]]:
    """Return the bijection without and with a context, in double precision, and what to map."""
    with seeded(6):
        x, context = torch.randn(ROWS, 3, dtype=torch.float64), torch.randn(ROWS, CONTEXT, dtype=torch.float64)
    return [(target.build(3, 0).double(), x, None), (target.build(3, CONTEXT).double(), x, context)]


OF_ALL: dict[str, Check[PartTarget]] = {
    "interface": Check(check_interface, "extend the class of its kind, such as genzoo.Prior or genzoo.Optimizer"),
    "argument": Check(check_argument, "set symbol and default, or define parse(text), which raises ValueError"),
}
OF_DISTRIBUTIONS: dict[str, Check[PartTarget]] = {
    "follows": Check(check_follows, "include every constant in log_prob, and draw by the same formula"),
    "values": Check(check_values, "compute log_prob from the value"),
    "noise": Check(check_noise, "draw with genzoo.core.noise, given self.batch_axes"),
    "batch": Check(check_batch, "split every tensor in unflatten; sum over the event only"),
    "gradients": Check(check_gradients, "use every parameter; detach nothing"),
}
OF_BIJECTIONS: dict[str, Check[PartTarget]] = {
    "inverse": Check(check_inverse, "invert the steps in reverse order"),
    "log-det": Check(check_log_det, "sum ln |dy_i/dx_i| of triangular maps; mind the sign"),
}


OF_KINDS: dict[PartKind, dict[str, Check[PartTarget]]] = {
    "bijection": OF_BIJECTIONS,
    "nets": OF_NETS,
    "quantiser": OF_QUANTISERS,
    "sampler": OF_SAMPLERS,
    "figure": {},
    "optimizer": OF_OPTIMIZERS,
    "schedule": OF_SCHEDULES,
}


def checks_of(kind: PartKind) -> dict[str, Check[PartTarget]]:
    """Return the checks of a kind of parts."""
    return OF_ALL | OF_KINDS.get(kind, OF_DISTRIBUTIONS)
