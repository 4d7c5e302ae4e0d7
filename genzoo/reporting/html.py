"""HTML pages from the templates in `templates/`. Jinja escapes every text; a page is one file and loads nothing."""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Return the page that a template makes of values. A value that is missing is an error."""
    return templates().get_template(template).render(**values)


@cache
def templates() -> Environment:
    """Return the templates, each compiled on first use."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(loader=PackageLoader("genzoo.reporting"), autoescape=True, undefined=StrictUndefined)


def data_url(content: bytes, kind: str = "image/png") -> str:
    """Return a file of a MIME type, such as a PNG, as the URL by which a page embeds it."""
    return f"data:{kind};base64," + base64.b64encode(content).decode()
