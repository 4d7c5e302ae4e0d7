"""The sections of a run's options: which part of the configuration an option belongs to, and how it is spelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from genzoo.core.errors import UsageError
from genzoo.core.options import option
from genzoo.registry.configs import field_names

PARTS = {
    "model_config": "model",
    "sampling": "model",
    "loss_config": "loss",
    "data_config": "data",
    "training": "train",
}
"""The section that each part of a configuration is typed with: --model.x, --loss.x, --data.x, --train.x."""
OF_THE_VERB = (
    *("--dataset", "--loss", "--config", "--runs", "--out", "--data-root", "--json", "--quiet", "--debug", "--verbose"),
    *("--dry-run", "--open", "--or-resume", "--on", "--profile", "--help"),
)
"""Options of the command line itself. A part's option of the same name is typed with its section."""


class Sections:
    """The options of a run. A name that only one part has may be typed without its section, except for data options.

    Args:
        parts: The config class of each part, by the names in `PARTS`.
    """

    def __init__(self, parts: Mapping[str, type]) -> None:
        self.names = {part: field_names(parts[part]) for part in PARTS}
        """The options of each part."""

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield part and name of every option."""
        return ((part, name) for part, names in self.names.items() for name in names)

    def key(self, part: str, name: str) -> str:
        """Return the shortest text that means an option: latent_dim, data.validation, model.schedule."""
        alone = len(self._owners(name)) == 1 and part != "data_config" and option(name) not in OF_THE_VERB
        return name if alone else f"{PARTS[part]}.{name}"

    def find(self, key: str) -> tuple[str, str] | None:
        """Return part and name of an option, with or without its section; None if there is no such option.

        Raises:
            UsageError: Several parts have the option, and no section is given.
        """
        section, dot, name = key.rpartition(".")
        owners = [part for part, names in self.names.items() if name in names and PARTS[part] == section]
        owners = owners if dot else self._owners(name)
        if len(owners) > 1:
            ways = " or ".join(option(self.key(part, name)) for part in owners)
            raise UsageError(f"{option(name)} belongs to several sections: write {ways}")
        return (owners[0], name) if owners else None

    def _owners(self, name: str) -> list[str]:
        """Return the parts that have an option, without the dataset's, which is always typed with its section."""
        return [part for part, names in self.names.items() if name in names and part != "data_config"]

    def spelled(self, word: str) -> str:
        """Return a word of the command line with its option in the form of `key`; other words as they are.

        Raises:
            UsageError: As for `find`.
        """
        spelling, equals, value = word.partition("=")
        section, dot, name = spelling.removeprefix("--").replace("-", "_").rpartition(".")
        for negation in ("", "no_"):
            found = self.find(section + dot + name.removeprefix(negation)) if spelling.startswith("--") else None
            if found:
                before, dot, name = self.key(*found).rpartition(".")
                return f"--{before}{dot}{(negation + name).replace('_', '-')}{equals}{value}"
        return word

    def with_section(self, part: str, name: str) -> str:
        """Return an option with its section, such as --train.lr."""
        return option(f"{PARTS[part]}.{name}")
