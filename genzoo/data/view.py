"""Options of how stored examples become model inputs."""

from __future__ import annotations

from typing import Literal

Binarize = Literal["none", "threshold", "static", "dynamic"]
Standardize = Literal["none", "global"]
Stream = Literal["auto", "always", "never"]
