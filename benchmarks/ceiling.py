"""Compare genzoo's trainer with a bare loop of the same mathematics, written by hand only for speed.

    python benchmarks/ceiling.py                        vae, batch 128, float32, ten epochs of MNIST: two minutes
    python benchmarks/ceiling.py --precision bf16       under autocast
    python benchmarks/ceiling.py --made-up              the first steps on made-up images: short segments
    python benchmarks/ceiling.py --made-up --floor      with nothing but the products and the update of a step

Both alternate, epoch by epoch or segment by segment, so that other work on the machine slows both equally. The ratio is
the median over pairs, with its quartiles. On one thread (OMP_NUM_THREADS=1) the clock is the CPU time of that thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genzoo.core.dataset import DataSpec, Split
from genzoo.core.listener import Epoch
from genzoo.data.resident import Resident
from genzoo.data.store import Store
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.runs.build import build_loss, build_model
from genzoo.training.callback import Listener
from genzoo.training.config import Training
from genzoo.training.trainer import Trainer

PIXELS, HIDDEN, LATENT = 784, 400, 20


def made_up(images: int) -> Tensor:
    """Return mostly dark images [images, 1, 28, 28], uint8, in which no pixel is always black."""
    generator = torch.Generator().manual_seed(0)
    return (torch.rand((images, 1, 28, 28), generator=generator) ** 3 * 255.99).to(torch.uint8)


def mnist(batch_size: int) -> Tensor:
    """Return the training images of MNIST [N, 1, 28, 28], uint8, in whole batches."""
    dataset = registry().get("dataset", "mnist").load()
    x: Tensor = dataset(dataset.Config()).load(Store()).train.x
    return x[: len(x) // batch_size * batch_size].reshape(-1, 1, 28, 28).contiguous()


def clock() -> float:
    """Return seconds: CPU time if one thread does the work, else wall time."""
    return time.thread_time() if torch.get_num_threads() == 1 else time.perf_counter()


def bare_steps(x: Tensor, batch_size: int = 128, precision: str = "fp32", torch_adam: bool = True) -> Iterator[None]:
    """Train a 784-400-20 VAE forever, one step per iteration.

    Images are uint8, gathered on the device. One head gives mean and log-variance, the loss is cross-entropy on logits,
    summed on the device, and Adam is fused. There is no check, no seed and no listener.

    Args:
        x: [N, 1, 28, 28] uint8.
        batch_size: Images per step.
        precision: "fp32", or "bf16" with autocast.
        torch_adam: Whether to use torch.optim's class; else its fused kernel is called directly.
    """
    encoder = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENT)).to(x.device)
    decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS)).to(x.device)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    update = torch.optim.Adam(parameters, lr=1e-3, fused=True).step if torch_adam else fused_adam(parameters)
    flat, total = x.flatten(1), torch.zeros((), device=x.device)
    while True:
        order = torch.randperm(len(x), device=x.device)
        for index in order[: len(x) // batch_size * batch_size].view(-1, batch_size):
            batch = flat.index_select(0, index).float().div_(255)
            with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bf16"):
                mean, log_var = encoder(batch).float().chunk(2, 1)
                z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_var)
                logits = decoder(z).float()
                reconstruction = F.binary_cross_entropy_with_logits(logits, batch, reduction="sum")
                kl = 0.5 * (mean**2 + torch.expm1(log_var) - log_var).sum()
                loss = (reconstruction + kl) / batch_size
            loss.backward()
            update()
            for parameter in parameters:
                parameter.grad = None
            total += loss.detach()
            yield


def floor_steps(batch_size: int = 128, precision: str = "fp32") -> Iterator[None]:
    """Do what no step of the VAE in `bare_steps` can do without, on random numbers, forever: one step per iteration.

    That is the matrix products of its layers, forward and backward without the gradient of the images, in the given
    precision, and Adam's fused update of all weights in float32.
    """
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    layers = [
        nn.Linear(*sizes) for sizes in ((PIXELS, HIDDEN), (HIDDEN, 2 * LATENT), (LATENT, HIDDEN), (HIDDEN, PIXELS))
    ]
    parameters = [parameter for layer in layers for parameter in layer.parameters()]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    update = fused_adam(parameters)
    tensors = []
    for layer in layers:
        shapes = (batch_size, layer.in_features), (batch_size, layer.out_features)
        inputs, gradients = (torch.randn(shape).to(dtype) for shape in shapes)
        tensors.append((inputs, gradients, layer.weight.detach().to(dtype), layer.bias.detach().to(dtype)))
    while True:
        for number, (inputs, gradients, weight, bias) in enumerate(tensors):
            torch.addmm(bias, inputs, weight.T)
            gradients.T @ inputs
            if number:
                gradients @ weight
        update()
        yield


def fused_adam(parameters: list[nn.Parameter]) -> Callable[[], None]:
    """Return Adam's fused kernel without torch.optim around it."""
    weights = [parameter.detach() for parameter in parameters]
    moments, squares = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
    steps = [torch.zeros((), device=weight.device) for weight in weights]

    def update() -> None:
        torch._foreach_add_(steps, 1)
        torch._fused_adam_(
            weights, [p.grad for p in parameters if p.grad is not None], moments, squares, [], steps,
            lr=1e-3, beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-8, amsgrad=False, maximize=False,
        )  # fmt: skip

    return update


def bare_loop(
    x: Tensor, steps: int, batch_size: int = 128, precision: str = "fp32", torch_adam: bool = True, warm_up: int = 20
) -> float:
    """Return images per second of the bare loop over `steps` steps, after a warm-up; for the rest see `bare_steps`."""
    turns = bare_steps(x, batch_size, precision, torch_adam)
    return steps * batch_size / seconds_for(turns, steps, x.device, warm_up)


def seconds_for(turns: Iterator[None], steps: int, device: torch.device, warm_up: int = 0) -> float:
    """Return the seconds that so many steps take."""
    for _ in range(warm_up):
        next(turns)
    wait(device)
    start = clock()
    for _ in range(steps):
        next(turns)
    wait(device)
    return clock() - start


def wait(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Alternate(Listener):
    """Run the bare loop after each of the trainer's epochs."""

    def __init__(self, turns: Iterator[None], device: torch.device) -> None:
        self.turns = turns
        self.device = device
        self.pairs: list[tuple[float, float]] = []

    def epoch_started(self, epoch: int, steps: int) -> None:
        wait(self.device)
        self.steps, self.start = steps, clock()

    def epoch_finished(self, record: Epoch) -> None:
        ours = clock() - self.start  # without validation data nothing else happens in between
        self.pairs.append((ours, seconds_for(self.turns, self.steps, self.device)))


def compare(
    x: Tensor, pairs: int, turns: Iterator[None], warm_up: int = 2, **options: object
) -> list[tuple[float, float]]:
    """Return the seconds of the trainer and of as many turns, a pair per epoch over x, without the first `warm_up`."""
    training = Training(epochs=pairs + warm_up, **options)  # type: ignore[arg-type]
    spec = DataSpec((1, 28, 28), "bernoulli", size=len(x))
    entry = registry().get("model", "vae")
    loss_entry = registry().loss_of(entry)
    model = build_model(entry, spec, default_config(entry, entry.options), 0, x.device)
    loss = build_loss(loss_entry, model, default_config(loss_entry, loss_entry.options), "vae", 0)
    alternate = Alternate(turns, x.device)
    Trainer(model, loss, training, Resident(Split(x), x.device), listeners=[alternate]).fit()
    return alternate.pairs[warm_up:]


def main() -> None:
    """Print the ratio of genzoo to the bare loop; above 1, genzoo is faster."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--mode", choices=("eager", "compile", "graph"), default="eager")
    parser.add_argument("--made-up", action="store_true", help="images in which no pixel is always black")
    parser.add_argument("--floor", action="store_true", help="compare with the products and the update alone, on a CPU")
    parser.add_argument("--pairs", type=int, help="epochs (default 10) or segments (30)")
    parser.add_argument("--steps", type=int, default=25, help="steps of each in a segment")
    parser.add_argument("--device", default="cpu")
    words = parser.parse_args()
    x = made_up(words.steps * words.batch_size) if words.made_up else mnist(words.batch_size)
    x, count, warm_up = x.to(words.device), words.pairs or (30 if words.made_up else 10), 2 if words.made_up else 0
    options = {"batch_size": words.batch_size, "precision": words.precision, "mode": words.mode}
    print(f"vae, {options}, torch {torch.__version__}, {torch.get_num_threads()} thread(s), {count} pairs")
    given = words.batch_size, words.precision
    others: dict[str, Callable[[], Iterator[None]]] = {
        "torch.optim.Adam": lambda: bare_steps(x, *given),
        "fused Adam by hand": lambda: bare_steps(x, *given, torch_adam=False),
    }
    if words.floor:
        others = {"the floor": lambda: floor_steps(*given)}
    for name, turns in others.items():
        pairs = compare(x, count, turns(), warm_up, **options)
        ratios = [bare / ours for ours, bare in pairs]
        low, middle, high = statistics.quantiles(ratios, n=4)
        speeds = [len(x) / statistics.median(seconds) for seconds in zip(*pairs, strict=True)]
        print(
            f"  against {name:18} {middle:.3f}  [{low:.3f}, {high:.3f}]  "
            f"{speeds[0]:,.0f} against {speeds[1]:,.0f} images/s"
        )


if __name__ == "__main__":
    main()
