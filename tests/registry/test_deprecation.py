"""Deprecated names still work, warn, and are named by `genzoo check`."""

from __future__ import annotations

import warnings

import pytest
from plugin_factory import Site

import genzoo
from genzoo.registry import current as registry
from genzoo.registry import deprecation
from genzoo.testing import examine


def test_a_deprecated_name_warns_and_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(deprecation.NAMES, "OldModel", "genzoo.Model")
    with pytest.warns(DeprecationWarning, match=r"genzoo\.OldModel is deprecated; write genzoo\.Model") as caught:
        assert genzoo.OldModel is genzoo.Model
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert genzoo.Model  # the new name is silent


def test_check_names_what_a_plugin_uses_that_is_deprecated(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(deprecation.NAMES, "OldListener", "genzoo.RunListener")
    monkeypatch.setenv("PYTHONPATH", str(site.folder))
    module = site.add(
        """
        from genzoo import hookimpl

        GENZOO_API = 2

        @hookimpl
        def register_listeners(register):
            register("old", f"{__name__}.listener:Old", summary="from another time")
        """
    )
    site.add_module(module, "listener", "import genzoo\n\nclass Old(genzoo.OldListener):\n    pass\n")
    with pytest.warns(DeprecationWarning, match="OldListener"):
        findings = list(examine(registry.registry().get("listener", "old")))
    (found,) = [finding for finding in findings if finding.verdict not in ("PASS", "n/a")]
    assert (found.check, found.verdict) == ("current", "WARN")
    assert found.found == "genzoo.OldListener is deprecated; write genzoo.RunListener"
