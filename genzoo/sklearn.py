"""Registered models as estimators of scikit-learn; this module alone needs it.

from genzoo.sklearn import Generative

codes = make_pipeline(StandardScaler(), Generative("vae", latent_dim=2, epochs=20)).fit_transform(X)
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genzoo.cli.drawing import sample
from genzoo.core.dataset import DataSpec, Split, Splits
from genzoo.core.errors import UsageError
from genzoo.core.model import Autoencoder, Density, Encoder, LatentModel, Model
from genzoo.data.batching import in_parts
from genzoo.data.resident import Resident
from genzoo.data.store import Store
from genzoo.evaluation.evaluate import find_metrics, per_example
from genzoo.experiment.console import Console
from genzoo.experiment.data import load
from genzoo.experiment.given import keeper
from genzoo.experiment.job import Job
from genzoo.experiment.plan import Plan
from genzoo.experiment.training import fit as train
from genzoo.registry.current import registry
from genzoo.runs.config import Components, RunConfig
from genzoo.runs.model_file import load_model, save_model
from genzoo.system.computing import evaluating
from genzoo.system.distributed import ALONE
from genzoo.system.isolation import one_run, own_settings

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError('genzoo.sklearn makes estimators of scikit-learn: pip install "genzoo[sklearn]"') from error

ROWS = 256
"""Rows that a model gets at once, always as many: so the result of a row does not depend on the others."""


class Whole:
    """A dataset of one array, all of which is trained on.

    Args:
        config: The array [N, F].
        spec: Its description.
    """

    Config: ClassVar[type[Any]] = Tensor

    def __init__(self, config: Tensor, spec: DataSpec) -> None:
        self.x = config
        self._spec = spec

    @property
    def spec(self) -> DataSpec:
        """The description of the array."""
        return self._spec

    def load(self, store: Store) -> Splits:
        """Return all examples as training data; nothing is held out, and nothing is evaluated."""
        return Splits(Split(self.x), None, Split(self.x))


def capable(*kinds: type) -> Callable[[Generative], bool]:
    """Return a condition of `available_if`: whether the model of an estimator has one of these capabilities."""
    return lambda estimator: issubclass(registry().get("model", estimator.model).load(), kinds)


def scores(estimator: Generative) -> bool:
    """Return whether the model of an estimator has a density or a bound on one. Some tell only when they are there."""
    if capable(Density)(estimator) or not hasattr(estimator, "model_"):
        return capable(Density, LatentModel)(estimator)
    return isinstance(estimator.model_, LatentModel) and estimator.model_.prior() is not None


class Generative(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A registered model of rows [N, F], as a transformer and a density of scikit-learn.

    Nothing is written to disk, held out or evaluated: `genzoo.run` does that. Columns are taken as they are; put a
    `StandardScaler` before it where they are not near 0 and 1.

    Args:
        model: Name of a registered model.
        loss: Name of a registered loss; default: the model's own.
        random_state: A seed, or a generator of NumPy that a seed is drawn from at each fit; None is the seed 0.
        verbose: Whether to show progress on standard error.
        **options: Options of model, loss and trainer as `genzoo.run` takes them: latent_dim=2, epochs=20.
    """

    model_: Model
    """The trained model, after `fit`."""

    def __init__(
        self, model: str = "vae", *, loss: str = "", random_state: Any = None, verbose: bool = False, **options: Any
    ) -> None:
        self.model = model
        self.loss = loss
        self.random_state = random_state
        self.verbose = verbose
        self._options = options

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, options among them."""
        return {**super().get_params(deep), **self._options}

    def set_params(self, **params: Any) -> Self:
        """Change parameters or options."""
        own = {name: value for name, value in params.items() if name in super(Generative, self).get_params()}
        super().set_params(**own)
        self._options = {**self._options, **{name: params[name] for name in params.keys() - own.keys()}}
        return self

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the model on rows X [N, F]; y is ignored.

        Raises:
            UsageError: There is no such model or option, or the model is not for rows of this size.
            ValueError: X is no table of finite numbers, or has a single column, and the model needs more.
            NonFiniteError: The loss became nan or infinite.
        """
        rows = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        with one_run(quiet=not self.verbose), own_settings():
            try:
                plan = self._plan(np.array(rows, np.float32))
            except UsageError as error:
                if rows.shape[1] > 1:
                    raise
                raise ValueError(f"{error.message} (n_features = 1)") from error
            training = plan.config.training
            console = Console(training.batch_size, quiet=not self.verbose)
            job = Job(plan, load(plan, None, console, True), console, ALONE)
            self.model_ = train(job.trainer, None).model.cpu().eval()
        self._n_features_out = self._code_size()
        return self

    def _plan(self, rows: NDArray[Any]) -> Plan:
        """Return the training on all of some rows."""
        if odd := [name for name in self._options if name.startswith("data.")]:
            raise UsageError(f"{odd[0]}: a row is taken as it is", "scale columns by a StandardScaler before it")
        entry = keeper()
        kept = entry.load().keep(rows)
        try:
            plan = Plan(self._config(registry().spelling(entry), kept), ALONE)
        finally:
            entry.load().forget(kept)
        plan.spec = plan.spec._replace(size=len(rows))
        plan.dataset = Whole(torch.from_numpy(rows), plan.spec)
        return plan

    def _config(self, dataset: str, kept: dict[str, Any]) -> RunConfig:
        if isinstance(self.random_state, (int, np.integer)) or self.random_state is None:
            seed = int(self.random_state or 0)
        else:
            seed = int(check_random_state(self.random_state).randint(1 << 31))
        defaults = Components.find(registry(), self.model, dataset, self.loss).defaults()
        return defaults.replace(kept, {"seed": seed, **self._options})

    def _code_size(self) -> int:
        return self._codes(torch.zeros(1, *self.model_.spec.shape)).shape[1] if isinstance(self.model_, Encoder) else 0

    def _rows(self, X: Any) -> tuple[Tensor, Any]:
        """Return rows as inputs of the model [N, F], in its units, and the type that results have."""
        check_is_fitted(self, "model_")
        rows = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return self.model_.spec.view(torch.from_numpy(np.array(rows, np.float32))), rows.dtype

    @torch.no_grad()
    def _computed(self, compute: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Return compute(x) [N, *], with as many rows at once as ever."""
        with evaluating(self.model_):
            return in_parts(compute, padded(x), ROWS)[: len(x)].cpu()

    def _codes(self, x: Tensor) -> Tensor:
        return self._computed(lambda part: self.model_.encode(part).flatten(1), x)  # type: ignore[operator]

    @available_if(capable(Encoder))  # type: ignore[untyped-decorator]
    def transform(self, X: Any) -> NDArray[Any]:
        """Return the codes of rows X [N, F]: [N, D], deterministic."""
        x, dtype = self._rows(X)
        codes: NDArray[Any] = self._codes(x).numpy().astype(dtype)
        return codes

    @available_if(capable(Autoencoder))  # type: ignore[untyped-decorator]
    def inverse_transform(self, X: Any) -> NDArray[Any]:
        """Return the rows [N, F] that codes X [N, D] stand for: the mean of p(x|z) for each."""
        check_is_fitted(self, "model_")
        model = self.model_
        assert isinstance(model, Autoencoder)
        codes = torch.from_numpy(np.array(X, np.float32, ndmin=2))
        if codes.shape[1] != self._n_features_out:
            raise ValueError(f"X has {codes.shape[1]} features, but codes have {self._n_features_out}")
        shape = model.encode(torch.zeros(1, *model.spec.shape)).shape[1:]
        found = self._computed(lambda part: model.decode(part.reshape(-1, *shape)), codes)
        rows: NDArray[Any] = model.spec.original(found).numpy().astype(np.result_type(np.asarray(X), np.float32))
        return rows

    @available_if(scores)  # type: ignore[untyped-decorator]
    def score_samples(self, X: Any) -> NDArray[Any]:
        """Return ln p(x) of rows X [N, F] in nats: [N].

        Of a model with latents it is the ELBO, from one posterior sample of each row: on average a lower bound on
        ln p(x), and the negative of what runs report as −ELBO. Of a `genzoo.Density` it is what that states: exact, a
        bound or an estimate.
        """
        x, _ = self._rows(X)
        model = self.model_
        if isinstance(model, Density):
            found = self._computed(model.log_prob, x)
        else:
            bounds = {name: metric for name, metric in find_metrics(registry()).items() if metric.role == "bound"}
            data = Resident(Split(padded(x)), torch.device("cpu"))
            (scores,) = per_example(model, data, dict([*bounds.items()][:1]), ROWS, name=self.model).values()
            found = -scores[: len(x)]
        values: NDArray[Any] = found.double().numpy()
        return values

    @available_if(scores)  # type: ignore[untyped-decorator]
    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`; y is ignored."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1) -> NDArray[Any]:
        """Draw rows [n_samples, F] from the model. The same estimator draws the same ones."""
        check_is_fitted(self, "model_")
        seed = self.random_state if isinstance(self.random_state, (int, np.integer)) else 0
        drawn: NDArray[Any] = sample(self.model_, n_samples, noise=True, seed=int(seed)).numpy()
        return drawn

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the model as the bytes of a safetensors file, which unpickling reads without code."""
        state = dict(super().__getstate__())
        if "model_" in state:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.safetensors"
                save_model(path, state["model_"], registry().get("model", self.model))
                state["model_"] = path.read_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if "model_" in state:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.safetensors"
                path.write_bytes(state["model_"])
                state["model_"] = load_model(path)
        super().__setstate__(state)


def padded(x: Tensor) -> Tensor:
    """Return rows [N, *] with zeros below, so that their number is a multiple of `ROWS`."""
    return torch.cat([x, x.new_zeros(-len(x) % ROWS, *x.shape[1:])])
