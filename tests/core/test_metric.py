"""The interface of a metric: the defaults of a subclass, and the batch it is computed from."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.linear_gaussian import linear_vae, make_ppca
from torch import Tensor

import genzoo
from genzoo.core.noise import content_keys


class First(genzoo.Metric):
    label = "first"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return examined.batch.x[:, 0]


def batch(rows: int = 5) -> genzoo.EvaluationBatch:
    x = make_ppca().x[:rows].float()
    return genzoo.EvaluationBatch(linear_vae("gaussian"), genzoo.Batch(x, torch.arange(rows)), content_keys(x))


def test_a_metric_is_the_mean_over_examples_with_its_standard_error() -> None:
    metric, values = First(None), torch.tensor([1.0, 2.0, 3.0, 6.0], dtype=torch.float64)
    assert metric.summarise(values) == 3
    assert torch.equal(metric.of_each(values), values)  # type: ignore[arg-type]
    assert metric.standard_error(values) == pytest.approx((14 / 3 / 4) ** 0.5)
    assert metric.standard_error(values[:1]) is None
    assert metric.why_not_available(values) is None
    assert metric.details(values) == {}


def test_without_a_value_for_each_example_there_is_no_standard_error() -> None:
    metric, values = First(None), torch.ones(4, 2, dtype=torch.float64)
    assert metric.of_each(values) is None
    assert metric.standard_error(values) is None


def test_results_of_a_batch_are_computed_once_and_repeat_with_the_same_keys() -> None:
    one, other = batch(), batch()
    assert one.inference is one.inference
    assert torch.equal(one.inference.z, other.inference.z)
    assert torch.equal(one.reconstruction, other.model.decode(other.inference.q.mean))  # type: ignore[attr-defined]
    assert torch.equal(one.squared_error, (one.reconstruction - one.batch.x).square().mean(1))


def test_in_parts_each_example_has_the_noise_of_the_whole_batch() -> None:
    whole = batch()
    parts = list(whole.parts(2))
    assert [len(part.batch.x) for part in parts] == [2, 2, 1]
    assert [part.batch.y.tolist() for part in parts if part.batch.y is not None] == [[0, 1], [2, 3], [4]]
    z = torch.cat([part.inference.z for part in parts], 1)
    assert torch.allclose(z, whole.inference.z, atol=1e-6)


def test_without_keys_the_whole_batch_is_the_only_part() -> None:
    whole = genzoo.EvaluationBatch(linear_vae("gaussian"), genzoo.Batch(torch.zeros(3, 12)))
    assert list(whole.parts(1)) == [whole]


def test_a_metric_must_define_per_example() -> None:
    with pytest.raises(NotImplementedError, match=r"^Metric must define per_example\("):
        genzoo.Metric(None).per_example(batch(1))
