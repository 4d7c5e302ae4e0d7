"""Parts by name: their registration, clashes, faults and arguments."""

from __future__ import annotations

import json

import pytest
import torch
from commandline import genzoo as typed
from plugin_factory import Site

import genzoo
from genzoo.core.errors import PluginError, UsageError
from genzoo.core.hookspecs import PartKind
from genzoo.core.parts import INTERFACES
from genzoo.registry import current as registry
from genzoo.registry.entries import KINDS, PARTS
from genzoo.registry.parts import make_part, written_out

HOOK = """
from genzoo import hookimpl

@hookimpl
def register_parts(register):
    register({kind!r}, "mine", "{target}", summary="a part of mine")
"""
VAMP = "genzoo_plugins.parts.vamp:VampPrior"
SPEC = genzoo.DataSpec((3,), "gaussian", size=10)


def hook(kind: str = "prior", target: str = VAMP) -> str:
    return HOOK.format(kind=kind, target=target)


def test_each_kind_of_parts_has_an_interface() -> None:
    assert tuple(INTERFACES) == PARTS
    assert set(PARTS) <= set(KINDS)


def test_a_package_registers_a_part_that_is_used_listed_and_described(site: Site) -> None:
    site.add(hook(), "genzoo-mine", "0.3")
    registry.reset()
    assert make_part("prior", "mine:4", SPEC, 2).name == "mine:4"
    assert make_part("prior", "genzoo-mine/mine:4", SPEC, 2).name == "genzoo-mine/mine:4"
    rows = json.loads(typed("list", "--kind", "prior", "--json").out)["entries"]
    assert {row["name"]: row["origin"] for row in rows}["mine"] == "genzoo-mine 0.3"
    assert "  argument  mine:N, where N is K, the number of pseudo-inputs (default: 500)\n" in typed("info mine").out


def test_two_packages_with_one_name_must_be_told_apart(site: Site) -> None:
    site.add(hook(), "one", "1.0")
    site.add(hook(), "two", "2.0")
    registry.reset()
    with pytest.raises(UsageError, match=r"prior 'mine' is claimed by one 1\.0 and two 2\.0"):
        make_part("prior", "mine", SPEC, 2)
    assert make_part("prior", "two/mine:3", SPEC, 2).name == "two/mine:3"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (hook("priors"), "'mine': no parts of kind 'priors'. Did you mean 'prior'"),
        (hook(target="no_target"), 'the target is "package.module:Class", not'),
        (hook().replace('"mine"', '"Mine"'), "prior name 'Mine' is not kebab-case"),
    ],
)
def test_a_malformed_registration_disables_its_package(
    source: str, said: str, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.add(source, "evil")
    registry.reset()
    registry.registry()
    assert said in capsys.readouterr().err
    assert make_part("prior", "standard-normal", SPEC, 2).name == "standard-normal"


def test_a_part_of_another_kind_or_that_cannot_be_imported_is_a_fault_of_its_plugin(site: Site) -> None:
    site.add(hook("likelihood"), "one", "1.0")
    site.add(hook("posterior", "no.such:Class"), "two", "2.0")
    registry.reset()
    with pytest.raises(PluginError, match=r"likelihood 'mine' of one 1\.0 does not extend genzoo\.Likelihood"):
        make_part("likelihood", "mine")
    with pytest.raises(PluginError, match=r"posterior 'mine' of two 2\.0 cannot be imported"):
        make_part("posterior", "mine", 2)


def test_a_notebook_registers_a_part() -> None:
    class Halved(genzoo.Likelihood):
        """N(output/2, 1)."""

        family = genzoo.DiagGaussian

        def forward(self, raw: torch.Tensor) -> genzoo.Distribution:
            return genzoo.DiagGaussian(raw / 2, 0.0)

    genzoo.register_part("likelihood", "halved", Halved)
    assert torch.equal(genzoo.make_likelihood("halved")(torch.ones(1, 3)).mean, torch.full((1, 3), 0.5))


@pytest.mark.parametrize(
    ("kind", "text", "full"),
    [
        ("prior", "vamp", "vamp:500"),
        ("prior", "vamp:1e3", "vamp:1000"),
        ("prior", "flow", "flow:iaf:2"),
        ("posterior", "diagonal", "diagonal"),
        ("posterior", "iaf:4", "iaf:4"),
        ("likelihood", "gaussian:1.0", "gaussian:1"),
    ],
)
def test_one_part_has_one_full_name(kind: PartKind, text: str, full: str) -> None:
    assert written_out(kind, text) == full == written_out(kind, full)
