"""The description of a dataset: shapes, class names and units."""

from __future__ import annotations

import pytest
import torch

import genzoo
from genzoo.core.dataset import DataSpec, Part, is_tokens, token_type


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


def test_the_kind_follows_from_the_shape_unless_it_is_given() -> None:
    assert [DataSpec((3, 4, 5), "").kind, DataSpec((7,), "").kind, DataSpec((2, 7), "").kind] == [
        "image", "vector", "vector",
    ]  # fmt: skip
    tokens = DataSpec((7,), "", kind="tokens", levels=5)
    assert (tokens.is_discrete, tokens.is_image, tokens._replace(shape=(1, 2, 3)).kind) == (True, False, "tokens")


def test_the_parts_of_a_row_are_its_slices() -> None:
    spec = DataSpec((7,), "gaussian", parts=(Part("age"), Part("left", (2, 2)), Part("right", (2,))))
    x = torch.arange(14.0).view(2, 7)
    parts = spec.split(x)
    assert {name: tuple(part.shape) for name, part in parts.items()} == {
        "age": (2, 1), "left": (2, 2, 2), "right": (2, 2),
    }  # fmt: skip
    assert torch.equal(torch.cat([part.flatten(1) for part in parts.values()], 1), x)
    assert list(DataSpec((7,), "gaussian").split(x)) == [""]


def test_tokens_are_spelled_up_to_the_padding() -> None:
    spec = DataSpec((4,), "", kind="tokens", levels=4, symbols=("", "a", "b", "\n"))
    x = torch.tensor([[1, 2, 3, 1], [2, 2, 0, 0], [0, 0, 0, 0]])
    assert spec.spell(x) == ["ab\na", "bb", ""]
    assert spec._replace(symbols=()).spell(x) == ["1 2 3 1", "2 2", ""]


def test_tokens_are_stored_in_the_smallest_signed_type() -> None:
    """Bytes are pixels, so the types are signed."""
    kinds = [token_type(levels) for levels in (2, 128, 129, 1 << 15, (1 << 15) + 1)]
    assert kinds == [torch.int8, torch.int8, torch.int16, torch.int16, torch.int32]
    assert [is_tokens(torch.zeros(1, dtype=kind)) for kind in (torch.int8, torch.uint8, torch.float32)] == [
        True, False, False,
    ]  # fmt: skip


def test_an_unknown_class_has_a_name() -> None:
    assert DataSpec((1,), "gaussian", classes=2, class_names=("cat", "dog")).class_name(-1) == "unknown"


def test_a_model_refuses_kinds_that_it_is_not_for() -> None:
    class Numbers(genzoo.Model):
        @genzoo.config
        class Config:
            pass

    Numbers(DataSpec((1, 4), "gaussian", kind="signal"), None)
    with pytest.raises(genzoo.UsageError, match="Numbers is for data of kind image, vector or signal; these are of"):
        Numbers(DataSpec((4,), "", kind="tokens", levels=3), None)
