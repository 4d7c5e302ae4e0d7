"""The results of a run as a mapping whose items are attributes too: run.results.test.negative_elbo."""

from __future__ import annotations

from typing import Any

from genzoo.core.errors import did_you_mean
from genzoo.core.late import late


class Results(dict[str, Any]):
    """A part of results.json: a dictionary whose items can be read as attributes, which editors complete."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self:
            raise AttributeError(f"no result {name!r}.{did_you_mean(name, self)}" if self else f"no result {name!r}")
        value = self[name]
        return Results(value) if isinstance(value, dict) else value

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in self if name.isidentifier())]

    def _repr_html_(self) -> str:
        html: str = late("genzoo.reporting.card:results_html")(self)
        return html
