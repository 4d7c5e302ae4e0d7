"""The description of a dataset: shapes, class names and units."""

from __future__ import annotations

import pytest
import torch

from genzoo.core.dataset import DataSpec


def test_the_shape_of_an_image_and_of_a_vector() -> None:
    image, vector = DataSpec((3, 4, 5), "bernoulli"), DataSpec((7,), "gaussian")
    assert (image.is_image, image.numel) == (True, 60)
    assert (vector.is_image, vector.numel) == (False, 7)


def test_classes_have_names_or_numbers() -> None:
    named = DataSpec((1,), "gaussian", classes=2, class_names=("cat", "dog"))
    assert [named.class_name(0), named.class_name(1), named.class_name(2)] == ["cat", "dog", "2"]
    assert [named.class_number("dog"), named.class_number("1")] == [1, None]
    plain = DataSpec((1,), "gaussian", classes=2)
    assert [plain.class_name(1), plain.class_number("1"), plain.class_number("2")] == ["1", 1, None]


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ((), [1, 0]),
        (("0", "7"), [7, 0]),
        (("-3", "12"), [12, -3]),
        (("0", "07"), ["07", "0"]),
        (("cat", "1"), ["1", "cat"]),
    ],
)
def test_labels_are_whole_numbers_if_all_names_are(names: tuple[str, ...], labels: list[object]) -> None:
    spec = DataSpec((1,), "gaussian", classes=2, class_names=names)
    found = spec.labels(torch.tensor([1, 0]))
    assert found == labels
    assert {type(label) for label in found} == {type(label) for label in labels}


def test_units_of_the_model_and_of_the_data() -> None:
    x = torch.tensor([[1.0, 3.0]])
    plain = DataSpec((2,), "gaussian")
    assert plain.view(x) is x
    assert plain.original(x) is x
    standard = DataSpec((2,), "gaussian", shift=1.0, scale=2.0)
    assert torch.equal(standard.view(x), torch.tensor([[0.0, 1.0]]))
    assert torch.equal(standard.original(standard.view(x)), x)
