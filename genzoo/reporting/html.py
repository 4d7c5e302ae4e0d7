"""HTML pages from the templates in `templates/`. Jinja escapes every text; a page is one file and loads nothing."""

from __future__ import annotations

import base64
from typing import Any


def render(template: str, **values: Any) -> str:
    """Return the page that a template makes of values. A value that is missing is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(loader=PackageLoader("genzoo.reporting"), autoescape=True, undefined=StrictUndefined)
    return templates.get_template(template).render(**values)


def data_url(content: bytes, kind: str = "image/png") -> str:
    """Return a file of a MIME type, such as a PNG, as the URL by which a page embeds it."""
    return f"data:{kind};base64," + base64.b64encode(content).decode()
