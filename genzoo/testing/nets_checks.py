"""Checks of registered nets: the encoder and the decoder that they make, for data of each shape they accept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genzoo.core.dataset import DataSpec
from genzoo.core.errors import UsageError
from genzoo.core.nets import widened
from genzoo.core.noise import seeded
from genzoo.core.parts import Nets
from genzoo.registry.parts import make_part
from genzoo.testing.check import Check, require

if TYPE_CHECKING:
    from genzoo.testing.part_checks import PartTarget

SHAPES = ((12,), (1, 16, 16), (3, 17, 20), (5, 4))
"""S of the data that are tried: vectors, images of even and odd sides, signals."""
OUTPUTS, LATENTS, ROWS = 6, 3, 4
TOLERANCE = 1e-5


def specs_of(name: str) -> list[tuple[DataSpec, str]]:
    """Return what the constructor gets, for data of each shape that it accepts.

    Raises:
        UsageError: It accepts none of them.
    """
    accepted, refusal = [], None
    for shape in SHAPES:
        given = DataSpec(shape, "gaussian", size=100), "relu"
        try:
            make_part("nets", name, *given)
        except UsageError as error:
            refusal = error
        else:
            accepted.append(given)
    if not accepted and refusal:
        raise refusal
    return accepted


def made(target: PartTarget) -> list[tuple[str, nn.Module, Tensor, tuple[int, ...]]]:
    """Return name, net, input and expected shape of the output of each encoder and decoder."""
    found: list[tuple[str, nn.Module, Tensor, tuple[int, ...]]] = []
    for spec, activation in specs_of(target.name):
        nets: Any = make_part("nets", target.name, spec, activation)
        require(isinstance(nets, Nets), "it does not extend genzoo.Nets")
        shape, where = widened(spec.shape, 2), f"for data of shape {'x'.join(map(str, spec.shape))}"
        with seeded(0):
            encoder, decoder = nets.encoder(OUTPUTS), nets.decoder(LATENTS, shape)
            found.append((f"encoder({OUTPUTS}) {where}", encoder, torch.randn(ROWS, *spec.shape), (OUTPUTS,)))
            found.append((f"decoder({LATENTS}, {shape}) {where}", decoder, torch.randn(ROWS, LATENTS), shape))
    return found


def check_shapes(target: PartTarget) -> None:
    """The encoder maps [N, *S] to [N, outputs], the decoder [N, inputs] to [N, *shape], for any number of rows."""
    for name, net, x, shape in made(target):
        for rows in (ROWS, 1):
            found = tuple(net(x[:rows]).shape)
            require(found == (rows, *shape), f"{name} returns {found} for {rows} rows, not {(rows, *shape)}")


def check_new(target: PartTarget) -> None:
    """Each call makes new weights, from torch's generators alone."""
    for (name, net, _, _), (_, again, _, _) in zip(made(target), made(target), strict=True):
        pairs = list(zip(net.parameters(), again.parameters(), strict=True))
        require(all(torch.equal(one, other) for one, other in pairs), f"{name}: weights of one seed differ")
        require(not any(one is other for one, other in pairs), f"{name}: two nets share weights")


def check_rows(target: PartTarget) -> None:
    """In evaluation each row has the output that it has alone."""
    for name, net, x, _ in made(target):
        net.eval()
        with torch.no_grad():
            whole, alone = net(x), torch.cat([net(row[None]) for row in x])
        off = (whole - alone).abs().max().item()
        require(off < TOLERANCE, f"{name}: the output of a row differs by {off:.2g} when it is alone")


def check_gradients(target: PartTarget) -> None:
    """The output has a finite gradient that is not 0 for every parameter and for the input."""
    for name, net, x, _ in made(target):
        x.requires_grad_()
        net(x).square().sum().backward()
        for part, tensor in (*net.named_parameters(), ("its input", x)):
            alive = tensor.grad is not None and bool(tensor.grad.isfinite().all() and tensor.grad.any())
            require(alive, f"{name}: no finite gradient for {part}")


OF_NETS: dict[str, Check[PartTarget]] = {
    "shapes": Check(check_shapes, "end the encoder with a layer of `outputs`, and the decoder with `shape`"),
    "new": Check(check_new, "make the modules in encoder() and decoder()"),
    "rows": Check(check_rows, "mix no rows in evaluation; normalise by running statistics"),
    "gradients": Check(check_gradients, "use every parameter"),
}
