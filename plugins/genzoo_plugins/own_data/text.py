"""Dataset of the characters of a text file."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

import genzoo
from genzoo.core.dataset import Split
from genzoo.core.errors import UsageError
from genzoo.data.readers.text import read_text_file, vocabulary, windows
from genzoo_plugins.own_data.base import OwnData, Parts


class Text(OwnData):
    """A UTF-8 file in windows of characters, the last one padded: first the training part, then validation, then test.

    The vocabulary is that of the training part; other characters are one token, �. It is stored with the run.
    """

    kind = "FILE.txt"
    endings = (".txt",)

    @genzoo.config
    class Config(OwnData.Config):
        length: Annotated[int, genzoo.Range(2, 10_000)] = 64
        """Characters in an example."""

    @property
    def classes(self) -> tuple[str, ...]:
        return ()

    @cached_property
    def content(self) -> tuple[tuple[str, str, str], tuple[str, ...]]:
        """The texts for training, validation and testing, and the symbols of the vocabulary."""
        text, own = read_text_file(self.path), self.config
        total = -(-len(text) // own.length)
        tested, validated = max(round(own.test * total), 1), round(own.validation * total)
        if tested + validated >= total:
            raise UsageError(
                f"{self.path} has {len(text):,} characters, {total} examples: nothing is left to train on",
                "give a longer text, or lower --data.length, --data.validation or --data.test",
            )
        trained = (total - tested - validated) * own.length
        first_test = trained + validated * own.length
        parts = text[:trained], text[trained:first_test], text[first_test:]
        return parts, vocabulary(parts[0])

    @property
    def spec(self) -> genzoo.DataSpec:
        (train, _, _), symbols = self.content
        length = self.config.length
        return genzoo.DataSpec(
            (length,), "", size=len(train) // length, kind="tokens", levels=len(symbols), symbols=symbols
        )  # fmt: skip

    def read(self) -> Parts:
        texts, symbols = self.content
        train, validation, test = (Split(windows(text, self.config.length, symbols)) for text in texts)
        unknown = sum(character not in symbols for text in texts[1:] for character in text)
        notes = (
            (f"characters that do not occur in the training part: {unknown:,}; they are one token, �",)
            if unknown
            else ()
        )
        return Parts(train, validation if len(validation.x) else None, test, notes=notes)
