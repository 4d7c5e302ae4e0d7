"""The options in which listed runs differ."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from genzoo.comparison.identity import Data, as_key, completed, defaults_of, differing, settings_of, short
from genzoo.core.options import to_json
from genzoo.runs.overview import Overview
from genzoo.runs.schema import is_config
from genzoo.training.config import Training

MOST = 2 / 3
"""The share of runs whose value of an option is the usual one, and need not be told."""
MOST_DEFAULTS = 1 / 2
"""The same share of an option's default."""
DIGEST = re.compile("[0-9a-f]{16,}")
"""The value of an option that names data by their contents."""


def options_apart(runs: Sequence[Overview]) -> list[dict[str, str]]:
    """Return for each run the options and the seed in which the runs of its model and its dataset differ, as texts.

    Other than in `settings_of`, each option of the data stands by itself; what the data contain does not count. A value
    that more than `MOST` of these runs have is left out; a default, that more than `MOST_DEFAULTS` have.
    """
    kinds: dict[tuple[str, str], list[int]] = {}
    for place, one in enumerate(runs):
        if is_config(one.config):
            kinds.setdefault((one.name_of("model"), one.name_of("data")), []).append(place)
    found: list[dict[str, str]] = [{} for _ in runs]
    for places in kinds.values():
        every = completed([_own_options(runs[place]) for place in places])
        counts = {name: Counter(as_key(own.get(name)) for own in every) for name in itertools.chain(*every)}
        usual = _defaults(runs[places[0]])
        for place, own in zip(places, every, strict=True):
            shares = {name: counts[name][as_key(own[name])] / len(every) for name in differing(own, every)}
            most = {name: MOST_DEFAULTS if own[name] == usual.get(name) else MOST for name in shares}
            names = [name for name, share in shares.items() if share <= most[name]]
            found[place] = {name: short(own[name]) for name in names}
    return found


def _defaults(one: Overview) -> dict[str, Any]:
    """Return the defaults of a run's options, by their names in `_own_options`."""
    data = {f"data.{name}": value for name, value in defaults_of("dataset", one.name_of("data")).items()}
    return (
        to_json(Training())
        | defaults_of("model", one.name_of("model"))
        | defaults_of("loss", one.name_of("loss"))
        | data
    )


def _own_options(one: Overview) -> dict[str, Any]:
    data, seed = one.config["data"], one.config["training"].get("seed")
    flat = settings_of(one.config, one.record, Data.of(data, None, None)) | {"seed": seed}
    return {name: value for name, value in flat.items() if name != "data"} | {
        f"data.{name}": value for name, value in data.items() if name != "name" and not DIGEST.fullmatch(str(value))
    }
