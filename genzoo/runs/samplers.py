"""The fitted samplers of a run, stored in its folder: `RUN/samplers/gmm-10/`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from genzoo.core.errors import GenzooError
from genzoo.core.model import Model
from genzoo.core.parts import Sampler
from genzoo.core.version import __version__
from genzoo.data.resident import Resident
from genzoo.evaluation.samplers import Samplers
from genzoo.registry.parts import make_part
from genzoo.runs.run import MODEL_FILE, Run
from genzoo.system.checksummed import read_sealed, stored_digest, write_sealed
from genzoo.system.messages import warn

FOLDER = "samplers"
FILE = "sampler.safetensors"
FORMAT = 1


class StoredSamplers(Samplers):
    """The samplers of a run: read from its folder, or fitted and written there.

    A file names the SHA-256 of the weights that its sampler was fitted to the codes of. If the run has other weights by
    now, the sampler is fitted again.

    Args:
        run: The run.
        model: Its model.
        train: Returns its training data; only called if a sampler must be fitted.
        say: Called with a line for the user when a sampler has been fitted.
    """

    def __init__(
        self, run: Run, model: Model, train: Callable[[], Resident], say: Callable[[str], None] = lambda line: None
    ) -> None:
        super().__init__(model, train)
        self.run = run
        self.say = say
        self.weights = stored_digest(run.path / MODEL_FILE)

    def made(self, name: str) -> Sampler:
        if self.weights is None:  # no model file, so nothing that would tell whether a sampler is the model's
            return super().made(name)
        folder = self.run.path / FOLDER / re.sub("[:/]", "-", name)
        if any(path.is_symlink() for path in (folder.parent, folder)):  # a run from someone else could lead anywhere
            warn(f"{folder} is a link out of the run", "its sampler is neither read nor written")
            return super().made(name)
        stored = self.stored(folder / FILE, name)
        if stored is not None:
            return stored
        sampler = super().made(name)
        self.say(f"sampler {name} fitted to {len(self.codes):,} codes of the training data")
        self.store(folder / FILE, name, sampler)
        return sampler

    def stored(self, file: Path, name: str) -> Sampler | None:
        """Return the sampler in a file; None if there is none that was fitted to the run's weights."""
        if not file.exists():
            return None
        try:
            description, tensors = read_sealed(file)
            if description.get("format") != FORMAT or description.get("weights") != self.weights:
                return None
            sampler: Sampler = make_part("sampler", name, tuple(description["shape"]))
            restore(sampler, tensors)
        except (GenzooError, KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = error.message if isinstance(error, GenzooError) else f"{file} does not fit sampler {name}"
            warn(reason, "the sampler is fitted again")
            return None
        return sampler.eval()

    def store(self, file: Path, name: str, sampler: Sampler) -> None:
        """Write a sampler to a file atomically; a folder that cannot be written to is a warning."""
        description = {
            "format": FORMAT,
            "genzoo": __version__,
            "sampler": name,
            "weights": self.weights,
            "shape": list(sampler.shape),
            "fitted_to": len(self.codes),
        }
        tensors = {key: tensor.detach().contiguous().clone() for key, tensor in sampler.state_dict().items()}
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_sealed(file, tensors, description)
        except (GenzooError, OSError) as error:
            reason = error.message if isinstance(error, GenzooError) else f"cannot make {file.parent}: {error.strerror}"
            warn(reason, "the sampler is not stored")


def restore(sampler: Sampler, tensors: dict[str, Tensor]) -> None:
    """Load the state of a fitted sampler. What it fits decides the shapes of its buffers, such as a number of points.

    Raises:
        RuntimeError: The tensors are not those of the sampler.
    """
    for name, buffer in sampler.named_buffers():
        if name in tensors:
            buffer.data = torch.empty_like(tensors[name])
    sampler.load_state_dict(tensors)
