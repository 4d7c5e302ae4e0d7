"""The version of genzoo."""

__version__ = "0.1.0"
