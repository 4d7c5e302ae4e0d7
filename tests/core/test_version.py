"""The version of genzoo."""

from importlib import metadata

import genzoo


def test_the_installed_package_has_the_version_of_the_code() -> None:
    assert metadata.version("genzoo") == genzoo.__version__
