"""Packages that became part of genzoo. What was made with them opens with the built-in plugins of the same names."""

from __future__ import annotations

MOVED = frozenset(
    {
        "genzoo-conditional-vae",
        "genzoo-factor-vae",
        "genzoo-flow-matching",
        "genzoo-iwae",
        "genzoo-ladder-vae",
        "genzoo-vq-vae",
    }
)
"""Their plugins kept their names and options."""


def current_distribution(distribution: str) -> str:
    """Return "genzoo" for a package that moved there, else the name itself."""
    return "genzoo" if distribution in MOVED else distribution


def current_name(name: str) -> str:
    """Return "distribution/name" with the distribution of today; a plain name stays as it is."""
    distribution, slash, plain = name.rpartition("/")
    return f"{current_distribution(distribution)}{slash}{plain}"
